"""Tenant and store on the sandbox (fixtures/world.py)."""

from __future__ import annotations

from fixtures.world import custody, name, world

__all__ = ["custody", "name", "world"]
