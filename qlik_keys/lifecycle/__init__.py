"""Operations on clients and their keys: a pure plan, and a run that does it step by step.

`provision` makes a client, `rotate`, `retire_due`, `revoke` and `adopt` change its keys, `delete` ends it, and `resume`
finishes whatever was interrupted. Both are resumable from anywhere: the tenant and the
store are the only journal (design.md, "Lifecycle").
"""

from qlik_keys.lifecycle.events import StepEvent
from qlik_keys.lifecycle.previews import PlannedStep, Preview, preview
from qlik_keys.lifecycle.provisioning.operations import Resumed, provision, resume, resume_client
from qlik_keys.lifecycle.provisioning.plan import Action, Conflict, Done, Provision, Step, StoreState, TenantState, plan
from qlik_keys.lifecycle.provisioning.run import Provisioned
from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
from qlik_keys.lifecycle.rotation.operations import Rotated, adopt, delete, retire_due, revoke, rotate
from qlik_keys.lifecycle.verification import LoginVerification

__all__ = [
    "Action",
    "ClientSpecification",
    "Conflict",
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
