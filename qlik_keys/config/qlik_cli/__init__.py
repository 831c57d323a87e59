"""The contexts of qlik-cli: read unchanged, entries written on request."""
