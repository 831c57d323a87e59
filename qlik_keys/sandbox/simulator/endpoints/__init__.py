"""The simulator's endpoints."""
