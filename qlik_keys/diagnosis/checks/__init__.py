"""The doctor's checks. Pure."""
