"""The commands of qlik-keys itself."""
