"""Many clients of one tenant, several at a time."""

from qlik_keys.fleet.rotation import rotate_due
from qlik_keys.lifecycle.many import FleetError, FleetResult

__all__ = ["FleetError", "FleetResult", "rotate_due"]
