"""Clients, findings and histories as tables."""
