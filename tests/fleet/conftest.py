"""Tenant and store on the sandbox (fixtures/world.py)."""

from __future__ import annotations

from fixtures.world import actors, custody, fault_proxy, name, world

__all__ = ["actors", "custody", "fault_proxy", "name", "world"]
