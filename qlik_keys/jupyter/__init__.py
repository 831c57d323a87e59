"""Inside Jupyter: the panel and the magics."""
