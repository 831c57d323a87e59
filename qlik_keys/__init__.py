"""Key management for Qlik Cloud inside Jupyter.

The public names load lazily: `import qlik_keys` costs a few milliseconds and brings none of pandas, ipywidgets,
IPython, hvac and httpx.

Example:
    >>> import qlik_keys as qk
    >>> with qk.sandbox.start() as box:
    ...     tenant = qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key))
    ...     store = qk.VaultKeyStore(box.vault_url, token=box.vault_token)
    ...     made = qk.provision(tenant, store, name="nightly-etl", scopes=["user_default"])
    ...     frame = qk.clients(tenant, store)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlik_keys.core.lazy import lazy_names
from qlik_keys.core.version import __version__

if TYPE_CHECKING:
    from qlik_keys import errors, sandbox
    from qlik_keys.auth.http_auth import ClientSecret, PrivateKeyJwtAuth, Token, TokenSource, UserLookup
    from qlik_keys.config.settings import Settings
    from qlik_keys.diagnosis import Check, Diagnosis, doctor, fix
    from qlik_keys.diagnosis.probe import ProbeReport, probe
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.fleet import (
        Fleet,
        FleetDiagnosis,
        FleetPlan,
        FleetResult,
        Selection,
        TenantReference,
        TokenSourceFactory,
        VaultReference,
        rotate_due,
    )
    from qlik_keys.fleet.hook_files import read_hooks
    from qlik_keys.fleet.manifest import Manifest
    from qlik_keys.fleet.notifications import notify
    from qlik_keys.fleet.runners.dask import DaskRunner
    from qlik_keys.inventory.audit import audit
    from qlik_keys.inventory.audit_report import audit_report
    from qlik_keys.inventory.frames import flat
    from qlik_keys.inventory.history import report
    from qlik_keys.inventory.tables import clients
    from qlik_keys.jupyter.panel import Panel
    from qlik_keys.keys import KeySpec, PrivateKey, PublicJwk, generate
    from qlik_keys.keystore.vault.policy import vault_policy
    from qlik_keys.keystore.vault.store import AppRole, JwtLogin, KubernetesLogin, UserPass, VaultKeyStore
    from qlik_keys.lifecycle import (
        Deleted,
        Preview,
        Provisioned,
        Rotated,
        adopt,
        delete,
        preview,
        provision,
        resume,
        retire_due,
        revoke,
        rotate,
    )
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import ApiKey, QlikTenant


_HOMES = {
    "ApiKey": "tenant",
    "AppRole": "keystore.vault.store",
    "Check": "diagnosis",
    "ClientSecret": "auth.http_auth",
    "DaskRunner": "fleet.runners.dask",
    "Deleted": "lifecycle",
    "Diagnosis": "diagnosis",
    "Fleet": "fleet",
    "FleetDiagnosis": "fleet",
    "FleetPlan": "fleet",
    "FleetResult": "fleet",
    "Hook": "lifecycle.hooks.definition",
    "JwtLogin": "keystore.vault.store",
    "KeySpec": "keys",
    "KubernetesLogin": "keystore.vault.store",
    "Manifest": "fleet.manifest.declared",
    "Panel": "jupyter.panel",
    "PrivateKey": "keys",
    "PrivateKeyJwtAuth": "auth.http_auth",
    "ProbeReport": "diagnosis.probe",
    "Provisioned": "lifecycle",
    "PublicJwk": "keys",
    "QlikKeysError": "errors",
    "QlikTenant": "tenant",
    "Selection": "fleet",
    "Settings": "config.settings",
    "TenantReference": "fleet",
    "Token": "auth.http_auth",
    "TokenSource": "auth.http_auth",
    "TokenSourceFactory": "fleet",
    "UserLookup": "auth.http_auth",
    "UserPass": "keystore.vault.store",
    "VaultKeyStore": "keystore.vault.store",
    "VaultReference": "fleet",
    "audit": "inventory.audit",
    "audit_report": "inventory.audit_report",
    "clients": "inventory.tables",
    "doctor": "diagnosis",
    "flat": "inventory.frames",
    "generate": "keys",
    "fix": "diagnosis",
    "Rotated": "lifecycle",
    "adopt": "lifecycle",
    "delete": "lifecycle",
    "Preview": "lifecycle",
    "preview": "lifecycle",
    "probe": "diagnosis.probe",
    "notify": "fleet.notifications",
    "provision": "lifecycle",
    "read_hooks": "fleet.hook_files",
    "report": "inventory.history",
    "resume": "lifecycle",
    "vault_policy": "keystore.vault.policy",
    "retire_due": "lifecycle",
    "revoke": "lifecycle",
    "rotate": "lifecycle",
    "rotate_due": "fleet",
    "errors": "",
    "sandbox": "",
}

__all__ = [
    "ApiKey",
    "AppRole",
    "Check",
    "ClientSecret",
    "DaskRunner",
    "Deleted",
    "Diagnosis",
    "Fleet",
    "FleetDiagnosis",
    "FleetPlan",
    "FleetResult",
    "Hook",
    "JwtLogin",
    "KeySpec",
    "KubernetesLogin",
    "Manifest",
    "Panel",
    "Preview",
    "PrivateKey",
    "PrivateKeyJwtAuth",
    "ProbeReport",
    "Provisioned",
    "PublicJwk",
    "QlikKeysError",
    "QlikTenant",
    "Rotated",
    "Selection",
    "Settings",
    "TenantReference",
    "Token",
    "TokenSource",
    "TokenSourceFactory",
    "UserLookup",
    "UserPass",
    "VaultKeyStore",
    "VaultReference",
    "__version__",
    "adopt",
    "audit",
    "audit_report",
    "clients",
    "delete",
    "doctor",
    "errors",
    "fix",
    "flat",
    "generate",
    "notify",
    "preview",
    "probe",
    "provision",
    "read_hooks",
    "report",
    "resume",
    "retire_due",
    "revoke",
    "rotate",
    "rotate_due",
    "sandbox",
    "vault_policy",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)


def load_ipython_extension(shell: Any) -> None:
    """Register `%qlik`, `%%qlik` and `%qlik_keys`; `%load_ext qlik_keys` calls it."""
    from qlik_keys.jupyter.magics import load_ipython_extension as load  # noqa: PLC0415  # brings IPython

    load(shell)
