"""The version of this package: the one place that has it; the build reads it here."""

__version__ = "0.1.0"
