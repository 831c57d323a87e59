"""Completion for shells and notebooks."""
