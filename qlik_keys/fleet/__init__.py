"""Many clients of one tenant, several at a time, and many tenants."""

from qlik_keys.errors import FleetError
from qlik_keys.fleet.diagnoses import FleetDiagnosis
from qlik_keys.fleet.many.plan import FleetPlan, TenantPlan
from qlik_keys.fleet.many.rotation import rotate_due
from qlik_keys.fleet.references import TenantReference, VaultReference
from qlik_keys.fleet.selection import Selection
from qlik_keys.fleet.tenants import Fleet
from qlik_keys.fleet.token_sources import TokenSourceFactory
from qlik_keys.lifecycle.many import FleetResult

__all__ = [
    "Fleet",
    "FleetDiagnosis",
    "FleetError",
    "FleetPlan",
    "FleetResult",
    "Selection",
    "TenantPlan",
    "TenantReference",
    "TokenSourceFactory",
    "VaultReference",
    "rotate_due",
]
