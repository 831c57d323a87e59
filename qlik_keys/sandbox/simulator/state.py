"""What the sandbox tenant remembers: clients, users, secrets, and every `jti` that was used.

In memory, and gone with the process. Secrets are kept as SHA-256 digests, so that nothing that shows the state can show
them. The caller holds the tenant's lock; nothing here is safe without it. Access tokens are in `access_tokens`.
"""

from __future__ import annotations

import secrets
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from qlik_keys.sandbox.simulator.access_tokens import AccessTokens, digest
from qlik_keys.sandbox.simulator.messages import Refusal

if TYPE_CHECKING:
    from qlik_keys.core.clock import Clock
    from qlik_keys.sandbox.simulator.rules.registration import RegisteredKey

TENANT_ADMIN = "TenantAdmin"
MAXIMUM_SECRETS = 5
_HINT_CHARACTERS = 6
_JTI_PRUNE_AT = 1024
_REMEMBERED_EVENTS = 10_000
_API_KEY_SECONDS = 90 * 24 * 3600


@dataclass(slots=True, kw_only=True)
class ClientSecret:
    """A client secret: its hint and its digest."""

    hint: str
    created_at: str
    created_by: str
    digest: bytes = field(repr=False)


@dataclass(slots=True, kw_only=True)
class OAuthClient:
    """An OAuth client as the tenant keeps it.

    Attributes:
        sequence: grows with each client; breaks ties in a sorted listing.
        fields: what a caller may set, under the API's own names, without `publicKeys`.
        keys: registered public keys.
        key_history: thumbprint to kid of every key it ever had.
        removed_keys: keys that were removed, with the tenant's time of it, for the setting `key_removal_seconds`.
        consent: "required", "trusted", or "" after the connection config was deleted.
        row: the client as JSON for an administrator, made when first asked for.
    """

    client_id: str
    sequence: int
    fields: dict[str, Any]
    created_at: str
    updated_at: str
    created_by: str
    created_by_type: str
    keys: tuple[RegisteredKey, ...] = ()
    key_history: dict[str, str] = field(default_factory=dict)
    removed_keys: list[tuple[RegisteredKey, float]] = field(default_factory=list)
    secrets: list[ClientSecret] = field(default_factory=list)
    consent: str = "required"
    published_at: str = ""
    disable_tag: str = ""
    row: bytes = field(default=b"", repr=False)


@dataclass(slots=True, kw_only=True)
class User:
    """A user of the tenant, a person or a bot."""

    user_id: str
    subject: str
    name: str
    created_at: str
    client_id: str = ""
    roles: tuple[str, ...] = ()
    status: str = "active"
    email: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRecord:
    """What the tenant tells of an API key: everything but the key."""

    key_id: str
    user_id: str
    description: str
    created_at: str
    expiry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on the tenant.

    Attributes:
        event_id: its own id.
        time: when, in the tenant's time, seconds since 1970.
        event_type: as `eventType` names it.
        source: which service tells it.
        user_id: who did it.
        data: more about it, without a secret.
    """

    event_id: str
    time: float
    event_type: str
    source: str
    user_id: str
    data: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a bearer credential.

    Attributes:
        user: the user.
        client_id: the OAuth client through which the token was made, "" for an API key.
        scopes: of the token; None for an API key, which has all that its user may.
    """

    user: User
    client_id: str = ""
    scopes: tuple[str, ...] | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the caller may administer OAuth clients: the role, and for a token the scope `admin_classic`."""
        return TENANT_ADMIN in self.user.roles and (self.scopes is None or "admin_classic" in self.scopes)


def timestamp(seconds: float) -> str:
    """Return a time as Qlik writes it: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def random_id() -> str:
    """Return an id such as a client's: 32 hexadecimal characters."""
    return secrets.token_hex(16)


class State:
    """The tenant's memory.

    Args:
        clock: the true time.
        tenant_id: the tenant's own id.
        base_url: its address, which is the audience of its tokens.

    Attributes:
        host_names: with the port where it is not the default; the first is the display name, the others are aliases.
    """

    def __init__(self, *, clock: Clock, tenant_id: str, base_url: str) -> None:
        self.tenant_id = tenant_id
        self.clock_skew_seconds = 0.0
        self.clients: dict[str, OAuthClient] = {}
        self.users: dict[str, User] = {}
        self.host_names: tuple[str, ...] = (base_url.partition("://")[2],)
        self.tokens = AccessTokens(audience=base_url)
        self.version = 0
        self.events: deque[Event] = deque(maxlen=_REMEMBERED_EVENTS)
        self._clock = clock
        self._sequence = 0
        self._user_sequence = 0
        self.api_keys: list[ApiKeyRecord] = []
        self._api_keys: dict[bytes, str] = {}
        self._used_jtis: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def now(self) -> float:
        """Return the tenant's own time."""
        return self._clock.time() + self.clock_skew_seconds

    def stamp(self) -> str:
        """Return the tenant's own time as a timestamp."""
        return timestamp(self.now())

    def note(self, event_type: str, *, source: str, user_id: str, seconds_ago: float = 0.0, **data: Any) -> None:
        """Note an event; the oldest is forgotten when there are many."""
        event = Event(
            event_id=str(UUID(random_id())),
            time=self.now() - seconds_ago,
            event_type=event_type,
            source=source,
            user_id=user_id,
            data=tuple(data.items()),
        )
        self.events.append(event)

    def note_client(self, what: str, client: OAuthClient, caller: Caller) -> None:
        """Note what was done to a client: "created", "updated", "deleted", "secret.created" or "secret.deleted"."""
        self.note(
            f"com.qlik.v1.oauth-client.{what}",
            source="com.qlik/oauth-clients",
            user_id=caller.user.user_id,
            clientId=client.client_id,
            clientName=client.fields["clientName"],
        )

    # users

    def add_user(
        self, *, name: str, subject: str, roles: tuple[str, ...] = (), client_id: str = "", email: str = ""
    ) -> User:
        """Add a user."""
        self._user_sequence += 1
        user = User(
            user_id=secrets.token_hex(12),
            subject=subject,
            name=name,
            created_at=self.stamp(),
            client_id=client_id,
            roles=roles,
            email=email,
            sequence=self._user_sequence,
        )
        self.users[user.user_id] = user
        return user

    def add_api_key(self, user: User, api_key: str, *, description: str = "practice key") -> None:
        """Let an API key stand for a user."""
        self._api_keys[digest(api_key)] = user.user_id
        record = ApiKeyRecord(
            key_id=secrets.token_hex(12),
            user_id=user.user_id,
            description=description,
            created_at=self.stamp(),
            expiry=timestamp(self.now() + _API_KEY_SECONDS),
        )
        self.api_keys.append(record)

    def bot_user(self, client: OAuthClient) -> User:
        """Return the client's bot user; the first token makes it."""
        for user in self.users.values():
            if user.client_id == client.client_id:
                return user
        return self.add_user(
            name=client.fields["clientName"],
            subject=f"qlikbot\\{client.client_id}",
            roles=(TENANT_ADMIN,),
            client_id=client.client_id,
        )

    # credentials

    def caller(self, credential: str) -> Caller | None:
        """Return who a bearer credential stands for, None when it is unknown, expired or revoked."""
        user_id = self._api_keys.get(digest(credential))
        if user_id is not None:
            user = self.users.get(user_id)
            return None if user is None else Caller(user=user)
        token = self.tokens.use(credential, now=self.now())
        if token is None:
            return None
        return Caller(user=self.users[token.user_id], client_id=token.client_id, scopes=token.scopes)

    def make_secret(self, client: OAuthClient, *, created_by: str) -> tuple[str, ClientSecret]:
        """Give a client one more secret, and return its text, which is kept nowhere, with its record.

        Raises:
            Refusal: it would be the sixth.
        """
        if len(client.secrets) >= MAXIMUM_SECRETS:
            raise Refusal(
                409,
                "HTTP-409",
                "Too many client secrets",
                f"A client may have {MAXIMUM_SECRETS} at a time; delete one.",
            )
        hints = {one.hint for one in client.secrets}
        text = secrets.token_hex(32)
        while text[-_HINT_CHARACTERS:] in hints:
            text = secrets.token_hex(32)
        record = ClientSecret(
            hint=text[-_HINT_CHARACTERS:], created_at=self.stamp(), created_by=created_by, digest=digest(text)
        )
        client.secrets.append(record)
        self.touch(client)
        return text, record

    def use_jti(self, client_id: str, jti: str, *, remember_until: float) -> bool:
        """Use up a `jti`, and tell whether it was fresh; the memory is the client's own."""
        now = self.now()
        used = self._used_jtis[client_id]
        if len(used) >= _JTI_PRUNE_AT:
            used = {one: until for one, until in used.items() if until > now}
            self._used_jtis[client_id] = used
        fresh = used.get(jti, 0.0) <= now
        used[jti] = remember_until
        return fresh

    # clients

    def add_client(self, *, fields: dict[str, Any], created_by: str, created_by_type: str) -> OAuthClient:
        """Add a client under a new id."""
        self._sequence += 1
        stamp = self.stamp()
        client = OAuthClient(
            client_id=random_id(),
            sequence=self._sequence,
            fields=fields,
            created_at=stamp,
            updated_at=stamp,
            created_by=created_by,
            created_by_type=created_by_type,
        )
        self.clients[client.client_id] = client
        self.version += 1
        return client

    def touch(self, client: OAuthClient) -> None:
        """Note that a client was changed."""
        client.updated_at = self.stamp()
        client.row = b""
        self.version += 1

    def remove_client(self, client: OAuthClient, *, ends_tokens: bool = False, ends_bot: bool = False) -> None:
        """Remove a client permanently; its bot user and its living tokens outlive it, unless a setting says otherwise.

        Args:
            client: the client.
            ends_tokens: its tokens end with it.
            ends_bot: its bot user is deleted with it.
        """
        del self.clients[client.client_id]
        self._used_jtis.pop(client.client_id, None)
        if ends_tokens:
            self.tokens.revoke_client(client.client_id)
        if ends_bot:
            for user in [user for user in self.users.values() if user.client_id == client.client_id]:
                self.remove_user(user)
        self.version += 1

    def remove_user(self, user: User) -> None:
        """Remove a user permanently; a credential that stands for it lets no one in any more."""
        del self.users[user.user_id]
        self.tokens.revoke_user(user.user_id)
        self.api_keys = [one for one in self.api_keys if one.user_id != user.user_id]
