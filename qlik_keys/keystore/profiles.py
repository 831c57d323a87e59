"""What a tenant does where its public documents leave it open, as `probe` measured it; no secret is in it.

It is stored next to the clients' records, so that every machine that manages the tenant's keys knows it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import StoreError
from qlik_keys.keystore.optional import KeepsProfiles
from qlik_keys.tenant.resources.key_forms import KEYS_FORMS

if TYPE_CHECKING:
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant.resources.key_forms import KeysForm

_LONGEST_SECONDS = 3600.0  # a probe measures two minutes at most; nothing waits for what someone has written there


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantProfile:
    """What was measured on a tenant; what was not measured is None.

    Attributes:
        probed_at: when, UTC.
        keys_form: how `PATCH /publicKeys` takes keys (`tenant.resources.key_forms`).
        maximum_keys: how many public keys a client may hold; None also where no limit was met.
        key_accepted_seconds: how long it took until a new key could log in.
        key_refused_seconds: how long it took until a removed key could not.
        audiences: the audiences of assertions that were accepted.
    """

    probed_at: datetime
    keys_form: KeysForm | None = None
    maximum_keys: int | None = None
    key_accepted_seconds: float | None = None
    key_refused_seconds: float | None = None
    audiences: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {**asdict(self), "probed_at": self.probed_at.isoformat(), "audiences": [*self.audiences]}


def profile_of(document: object) -> TenantProfile | None:
    """Return the profile of JSON-ready values, None where there is none; what a later version adds is passed over."""
    if not isinstance(document, dict):
        return None
    known = {name: value for name, value in document.items() if name in {one.name for one in fields(TenantProfile)}}
    try:
        known["probed_at"] = datetime.fromisoformat(known["probed_at"]).astimezone(UTC)
        profile = TenantProfile(**{**known, "audiences": tuple(known.get("audiences", ()))})
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    seconds = (profile.key_accepted_seconds, profile.key_refused_seconds)
    is_sound = (
        profile.keys_form in (None, *KEYS_FORMS)
        and (profile.maximum_keys is None or (type(profile.maximum_keys) is int and profile.maximum_keys > 0))
        and all(one is None or (type(one) in (int, float) and 0 <= one <= _LONGEST_SECONDS) for one in seconds)
        and all(isinstance(one, str) for one in profile.audiences)
    )
    return profile if is_sound else None


def measured_on(store: KeyStore, tenant_host: str) -> TenantProfile | None:
    """Return a tenant's profile, None where the store has none, keeps none, or does not let it be read."""
    if not isinstance(store, KeepsProfiles):
        return None
    try:
        return store.read_profile(tenant_host)
    except StoreError:
        return None  # what made it look is told; that the profile cannot be read too would hide it
