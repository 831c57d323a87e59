"""The sandbox: a strict Qlik Cloud tenant and a real OpenBao server, on loopback, for one process's life.

The front door is `start()`. It is light to import: the simulator, its web server and its JOSE library load in the
sandbox's own process alone, and belong to the extra `sandbox`.
"""

from __future__ import annotations

from qlik_keys.sandbox.process import OUTRANKING, Sandbox, SandboxUser, start

__all__ = ["OUTRANKING", "Sandbox", "SandboxUser", "start"]
