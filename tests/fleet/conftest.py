"""Tenant and store on the sandbox (fixtures/world.py)."""

from __future__ import annotations

from fixtures.world import actors, between, custody, name, world

__all__ = ["actors", "between", "custody", "name", "world"]
