"""Logging in by tokens: assertions, token sources, and authentication for httpx."""
