"""Declared fleets: a file that says which clients should be on which tenants, and what makes it so.

`reading` reads the file and names every mistake by line and column, `plan` compares it with what is there, `apply` does
what the plan says by the operations of `lifecycle`, and `export` writes the file from what exists.
"""

from qlik_keys.fleet.manifest.declared import DeclaredClient, Manifest
from qlik_keys.fleet.manifest.reading import read_fleet, read_manifest

__all__ = ["DeclaredClient", "Manifest", "read_fleet", "read_manifest"]
