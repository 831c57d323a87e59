"""Doing what a plan says: each kind of change, and what became of it."""
