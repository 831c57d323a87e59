"""The commands in qlik-cli's words."""
