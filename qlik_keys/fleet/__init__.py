"""Many clients of one tenant, several at a time."""

from qlik_keys.errors import FleetError
from qlik_keys.fleet.rotation import rotate_due
from qlik_keys.lifecycle.many import FleetResult

__all__ = ["FleetError", "FleetResult", "rotate_due"]
