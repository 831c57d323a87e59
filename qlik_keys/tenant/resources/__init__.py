"""The tenant's resources, call by call, and their models."""
