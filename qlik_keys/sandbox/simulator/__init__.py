"""The tenant simulator. Pure: request in, response out."""
