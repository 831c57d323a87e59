"""What the doctor has seen, as values, for the checks to judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from qlik_keys.core.origins import same_origin
from qlik_keys.errors import (
    ConfigurationError,
    StoreDamaged,
    StoreDeleted,
    StoreDenied,
    StoreDestroyed,
    StoreNotFound,
    StoreUsesReserved,
    TenantAuthError,
    TenantNotFound,
    TenantThrottled,
    TenantUnreachable,
)
from qlik_keys.lifecycle.ownership import has_only_managed_keys, is_same_key
from qlik_keys.tenant.url import token_url_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.auth.http_auth import UserLookup
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.keystore.base import ClientRecord, PendingClient, StoredKey
    from qlik_keys.keystore.optional import StoreHealth
    from qlik_keys.tenant import (
        AuthorizationServerMetadata,
        ConnectionConfig,
        Discovery,
        OAuthClient,
        RegisteredKey,
        User,
    )

Value = TypeVar("Value")
# Who is shown one of these is shown all: a caller who is no administrator sees fewer fields (qlik-cloud-contract).
_ADMINISTRATORS_FIELDS = frozenset({"allowed_auth_methods", "public_keys", "client_secrets"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(Generic[Value]):
    """What came of one look.

    Attributes:
        value: what was seen, None for nothing.
        problem: why nothing was seen.
        skipped: the names of the checks whose fault made the look needless.
    """

    value: Value | None = None
    problem: QlikKeysError | None = None
    skipped: tuple[str, ...] = ()


# The tenant was not reached, or a setting lets no one call it.
NOT_ASKED = (TenantUnreachable, ConfigurationError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was seen.

    Attributes:
        tenant_url: the tenant.
        token_url: its token endpoint, which is the audience of our assertions.
        notices: in words, what was normalized in the tenant's URL.
        asked_for: the client, as the doctor was asked for it.
        client_id: its id, "" where no one knows one of that name.
        scopes: the scopes that are to be had, none for all that the client may have.
        user: the user for whom a token is to be had, None for the client's own.
        discovery: what the tenant says about itself.
        client: the client on the tenant.
        consent: how the client is allowed in.
        holder: who its tokens stand for, its bot user or whom it should act for; no value where none is seen.
        record: the client's record in the store.
        pending: what is pending of a client that has no record.
        signing: whether the store signs with the key that its record names.
        export_paths: how the current key could leave the engine that keeps it; nothing where the store holds it itself.
        health: how the store's own login stands; no value and no problem where the store does not tell.
        uses_left: how many requests the store's login is still good for, None for any number.
        location: where the record lies, as a person would type it.
        proxy: host and port of the proxy that the environment names for the tenant, "" for none.
        is_login_spared: whether the login was not tried so that the store's login keeps its last uses.
        caller: who asks the tenant (`QlikTenant.caller`).
        host_names: the tenant's host names, where one other than that of its URL was met.
    """

    tenant_url: str
    token_url: str
    notices: tuple[str, ...]
    asked_for: str
    client_id: str
    scopes: tuple[str, ...]
    user: UserLookup | None
    discovery: Fact[Discovery]
    client: Fact[OAuthClient]
    consent: Fact[ConnectionConfig]
    holder: Fact[User]
    record: Fact[ClientRecord]
    pending: PendingClient | None
    signing: Fact[bool]
    export_paths: Fact[Sequence[str]]
    health: Fact[StoreHealth]
    uses_left: int | None
    location: str
    proxy: str
    is_login_spared: bool = False
    caller: str = ""
    host_names: tuple[str, ...] = ()

    @property
    def is_asked_as_itself(self) -> bool:
        """Whether the tenant is asked with this client's own credential."""
        return bool(self.client_id) and self.caller.endswith(f"client {self.client_id}")

    @property
    def client_name(self) -> str:
        """The client's name, by the tenant or else by the store; "" where no one tells it."""
        for known in (self.client.value, self.record.value):
            if known is not None and known.client_name:
                return known.client_name
        return "" if self.asked_for == self.client_id else self.asked_for

    @property
    def metadata(self) -> AuthorizationServerMetadata | None:
        """What the tenant says about itself, None where it says nothing that can be read."""
        return self.discovery.value.metadata if self.discovery.value is not None else None

    @property
    def is_alias(self) -> bool:
        """Whether the tenant answers, and names a token endpoint on a host that is none of its host names."""
        return (
            self.metadata is not None
            and not same_origin(self.metadata.token_endpoint, self.token_url)
            and not self.is_own_endpoint(self.metadata.token_endpoint)
        )

    def is_own_endpoint(self, token_url: str) -> bool:
        """Tell whether that is the token endpoint by the URL in use, or by another of the tenant's host names."""
        return token_url in (self.token_url, *(token_url_by(self.tenant_url, name) for name in self.host_names))

    @property
    def has_endpoint(self) -> bool:
        """Whether our token endpoint may be asked for a token.

        Not so where the tenant names another one, or where something else seems to answer. Where the question alone is
        refused it may: the endpoint is known by the tenant's URL (qlik-cloud-contract, "Hosts").
        """
        return self.is_discovery_refused or (
            self.metadata is not None and self.is_own_endpoint(self.metadata.token_endpoint)
        )

    @property
    def is_discovery_refused(self) -> bool:
        """Whether the tenant's address answers that it does not tell what it is."""
        seen = self.discovery.value
        return seen is not None and isinstance(seen.problem, TenantAuthError | TenantNotFound)

    @property
    def skew_seconds(self) -> float | None:
        """Our clock minus the server's, None where no one knows."""
        return self.discovery.value.skew_seconds if self.discovery.value is not None else None

    @property
    def is_absent(self) -> bool:
        """Whether the tenant says that it has no such client."""
        return isinstance(self.client.problem, TenantNotFound)

    @property
    def consent_is_gone(self) -> bool:
        """Whether the tenant has the client and no word on how it is allowed in."""
        return self.client.value is not None and isinstance(self.consent.problem, TenantNotFound)

    @property
    def current(self) -> StoredKey | None:
        """The key that the store has for consumers."""
        return self.record.value.current if self.record.value is not None else None

    @property
    def has_unusable_record(self) -> bool:
        """Whether the store has, or had, a record that cannot be used: the client is meant to have a key."""
        return isinstance(self.record.problem, StoreDamaged | StoreDeleted | StoreDestroyed)

    @property
    def is_readable(self) -> bool:
        """Whether the store's login may read the record, be there none or one that is damaged."""
        return self.record.value is not None or isinstance(self.record.problem, StoreNotFound | StoreDamaged)

    @property
    def is_unread(self) -> bool:
        """Whether the store's login itself is why the record was not read."""
        return isinstance(self.record.problem, StoreDenied | StoreUsesReserved)

    @property
    def skipped_checks(self) -> tuple[str, ...]:
        """The checks that were not made, or not wholly, so that the store's login keeps its last uses."""
        asked = {
            "store-record": self.record.problem or self.export_paths.problem,
            "same-key": self.signing.problem,
            "vault-rights": self.health.problem,
        }
        names = [name for name, problem in asked.items() if isinstance(problem, StoreUsesReserved)]
        return (*names, "login") if self.is_login_spared else tuple(names)

    @property
    def named_token_url(self) -> str | None:
        """The token endpoint that the record names, also a damaged one; None where there is none to read."""
        if self.record.value is not None:
            return self.record.value.token_url
        return (self.record.problem.token_url or None) if isinstance(self.record.problem, StoreDamaged) else None

    @property
    def named_kid(self) -> str:
        """The current kid that a damaged record names, "" for none."""
        return self.record.problem.kid if isinstance(self.record.problem, StoreDamaged) else ""

    @property
    def by_secret_alone(self) -> bool:
        """Whether the client is one of qlik_keys that was made without any key."""
        record = self.record.value
        return record is not None and not record.keys

    @property
    def registered(self) -> RegisteredKey | None:
        """The registered key with the kid of the store's current key, None for none; of several, the store's own."""
        client, current = self.client.value, self.current
        if client is None or current is None:
            return None
        named = [key for key in client.public_keys if key.kid == current.kid]
        return next((key for key in named if is_same_key(key, current)), named[0] if named else None)

    @property
    def has_only_managed_keys(self) -> bool:
        """Whether the client has our current key, and none that the record does not know."""
        return self.client.value is not None and has_only_managed_keys(self.client.value, self.record.value)

    @property
    def has_no_scope(self) -> bool:
        """Whether the client may have no scope by which it could call anything."""
        client = self.client.value
        return client is not None and self.shows("allowed_scopes") and not client.scopes_unasked

    @property
    def is_shown_all(self) -> bool:
        """Whether the caller is an administrator, by what the tenant shows of its client."""
        client = self.client.value
        return client is not None and not _ADMINISTRATORS_FIELDS.isdisjoint(client.model_fields_set)

    def shows(self, field: str) -> bool:
        """Tell whether the tenant shows us that field of its client, be it empty."""
        client = self.client.value
        return client is not None and (field in client.model_fields_set or self.is_shown_all)


def tenant_skip(discovery: Fact[Discovery]) -> tuple[str, ...]:
    """Return the checks that say why the tenant need not be asked anything more, none where it can be."""
    if discovery.skipped:
        return discovery.skipped
    if isinstance(discovery.problem, TenantThrottled):
        return ("rate-budget",)
    if discovery.problem is not None:
        return ("tenant-url",) if isinstance(discovery.problem, NOT_ASKED) else ("discovery",)
    seen = discovery.value
    # An address that refuses this question alone is a tenant's all the same, as far as its other answers tell.
    if seen is not None and seen.metadata is None and not isinstance(seen.problem, TenantAuthError):
        return ("discovery",)
    return ()
