"""Comparing what a fleet file declares with what is there: the facts, one client, and the changes that come of it."""
