"""Operations on clients and their keys: a pure plan, and a run that does it step by step.

`provision` makes a client, `rotate`, `retire_due`, `revoke` and `adopt` change its keys, `delete` ends it, and `resume`
finishes whatever was interrupted. Every run can be resumed from any machine: the tenant and the store are the only
journal (docs/concepts/lifecycle.md).

The names load lazily: the table of actions does not bring httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.lazy import lazy_names

if TYPE_CHECKING:
    from qlik_keys.lifecycle.actions import Action
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.previews import PlannedStep, Preview, preview
    from qlik_keys.lifecycle.provisioning.operations import provision, resume, resume_client
    from qlik_keys.lifecycle.provisioning.plan import Conflict, Done, Provision, Step, StoreState, TenantState, plan
    from qlik_keys.lifecycle.provisioning.results import Resumed
    from qlik_keys.lifecycle.provisioning.run import Provisioned
    from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
    from qlik_keys.lifecycle.rotation.operations import Deleted, Rotated, adopt, delete, retire_due, revoke, rotate
    from qlik_keys.lifecycle.verification import LoginVerification

_HOMES = {
    "Action": "actions",
    "ClientSpecification": "provisioning.specification",
    "Conflict": "provisioning.plan",
    "Deleted": "rotation.operations",
    "Done": "provisioning.plan",
    "LoginVerification": "verification",
    "PlannedStep": "previews",
    "Preview": "previews",
    "Provision": "provisioning.plan",
    "Provisioned": "provisioning.run",
    "Resumed": "provisioning.results",
    "Rotated": "rotation.operations",
    "Step": "provisioning.plan",
    "StepEvent": "events",
    "StoreState": "provisioning.plan",
    "TenantState": "provisioning.plan",
    "adopt": "rotation.operations",
    "delete": "rotation.operations",
    "plan": "provisioning.plan",
    "preview": "previews",
    "provision": "provisioning.operations",
    "resume": "provisioning.operations",
    "resume_client": "provisioning.operations",
    "retire_due": "rotation.operations",
    "revoke": "rotation.operations",
    "rotate": "rotation.operations",
}

__all__ = [
    "Action",
    "ClientSpecification",
    "Conflict",
    "Deleted",
    "Done",
    "LoginVerification",
    "PlannedStep",
    "Preview",
    "Provision",
    "Provisioned",
    "Resumed",
    "Rotated",
    "Step",
    "StepEvent",
    "StoreState",
    "TenantState",
    "adopt",
    "delete",
    "plan",
    "preview",
    "provision",
    "resume",
    "resume_client",
    "retire_due",
    "revoke",
    "rotate",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)
