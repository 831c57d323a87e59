"""What a tenant answers, as frozen values (qlik-cloud-contract, "/api/v1/oauth-clients", "Hosts").

Read generously: unknown fields are ignored, missing ones and `null` have a default, since a caller who is no
administrator sees fewer of them. Public keys of others are kept word for word, so that they can be written back whole.
Secrets become `Secret` while the JSON is read and are never a plain text here.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Required, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, ValidationError, with_config
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from qlik_keys.keys.spec import PRIVATE_MEMBERS
from qlik_keys.tenant.http.known_refusals import is_web_page
from qlik_keys.tenant.resources.fields import Aware, ClientSecretText, Flag, Moment, OddIs, Tag, Text, Texts
from qlik_keys.tenant.resources.grants import OFFLINE
from qlik_keys.tenant.unexpected import unexpected_answer

if TYPE_CHECKING:
    from qlik_keys.core.secret import Secret

ModelType = TypeVar("ModelType", bound=BaseModel)
PageType = TypeVar("PageType", bound="Page")


_TOLERANT = ConfigDict(
    extra="ignore",
    alias_generator=to_camel,
    populate_by_name=True,
    hide_input_in_errors=True,
    arbitrary_types_allowed=True,
)


class Model(BaseModel):
    """The base of every answer: frozen, camelCase outside, tolerant, and silent about its input in errors."""

    model_config = ConfigDict(**_TOLERANT, frozen=True)


class RegisteredKey(RootModel[dict[str, Any]]):
    """A public key as the tenant holds it, word for word, no matter who registered it.

    Its repr shows no members: someone may have registered a private JWK by mistake.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @property
    def kid(self) -> str:
        """The key id, "" for none."""
        return self._text("kid")

    @property
    def kty(self) -> str:
        """The key type: "RSA" or "EC"."""
        return self._text("kty")

    @property
    def alg(self) -> str:
        """The JWS algorithm that the key is pinned to."""
        return self._text("alg")

    @property
    def use(self) -> str:
        """What the key is for: "sig"."""
        return self._text("use")

    @property
    def is_private(self) -> bool:
        """Whether it has a private member, which makes it a key that is out."""
        return not PRIVATE_MEMBERS.isdisjoint(self.root)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole JWK as a new dict."""
        return copy.deepcopy(self.root)

    def _text(self, name: str) -> str:
        value = self.root.get(name)
        return value if isinstance(value, str) else ""

    def __repr__(self) -> str:
        return f"<RegisteredKey kid={self.kid} alg={self.alg}>"

    __str__ = __repr__

    def __hash__(self) -> int:
        return hash(json.dumps(self.root, sort_keys=True))


class ClientSecretInfo(Model):
    """What a tenant shows of a client secret: never the secret.

    Attributes:
        hint: its first letters, by which it is deleted.
        created_at: when, UTC.
        created_by: id of the user who made it.
    """

    hint: Text = ""
    created_at: Moment = None
    created_by: Text = ""


class ConnectionConfig(Model):
    """How a client is allowed in: `consent_method` is "trusted" or "required"."""

    consent_method: str
    status: Text = ""
    deleted_by_owner: Flag = False


class OAuthClient(Model):
    """A client of the tenant, as a listing or `get` shows it.

    A caller who is no administrator sees fewer fields; those are "", () or None.
    """

    client_id: str
    client_name: Text = ""
    app_type: Text = ""
    description: Text = ""
    client_uri: Text = ""
    logo_uri: Text = ""
    redirect_uris: Texts = ()
    allowed_origins: Texts = ()
    allowed_scopes: Texts = ()
    allowed_grant_types: Texts = ()
    allowed_auth_methods: Texts = ()
    public_keys: Annotated[tuple[RegisteredKey, ...], OddIs(())] = ()
    jwks_uri: Text = ""
    client_secrets: Annotated[tuple[ClientSecretInfo, ...], OddIs(())] = ()
    connection_config: Annotated[ConnectionConfig | None, OddIs(None)] = None
    created_at: Moment = None
    updated_at: Moment = None
    deleted_at: Moment = None
    published_at: Moment = None
    created_by_type: Text = ""
    disable_tag: Tag = ""
    tenant_id: Text = ""

    @property
    def scopes_unasked(self) -> tuple[str, ...]:
        """The scopes that a request without any gets: all that it may have, but the one that must be asked for."""
        return tuple(scope for scope in self.allowed_scopes if scope != OFFLINE)


@with_config(_TOLERANT)
class KeyOverview(TypedDict, total=False):
    """The name of a registered public key, without the key."""

    kid: Text
    alg: Text


@with_config(_TOLERANT)
class ClientOverview(TypedDict, total=False):
    """What a table of all clients shows of one, checked as an `OAuthClient` is, and for one look only.

    A dict, since ten thousand of them are read in two thirds of the time and half of the memory of models.

    Attributes:
        created_at: as the tenant wrote it: many dates are read faster at once than one by one.
        updated_at: likewise.
    """

    client_id: Required[str]
    client_name: Text
    app_type: Text
    allowed_scopes: Texts
    allowed_grant_types: Texts
    allowed_auth_methods: Texts
    public_keys: Annotated[tuple[KeyOverview, ...], OddIs(())]
    client_secrets: Annotated[tuple[ClientSecretInfo, ...], OddIs(())]
    created_at: Text
    updated_at: Text
    created_by_type: Text
    disable_tag: Tag


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedOAuthClient:
    """A client that was just made, and its secret, which Qlik shows this once; None if it has none."""

    client: OAuthClient
    client_secret: Secret | None


class CreatedClientSecret(Model):
    """A secret that was just made; Qlik shows it this once."""

    client_id: Text = ""
    client_secret: ClientSecretText
    hint: Text = ""
    created_at: Moment = None
    created_by: Text = ""


class SecretPart(Model):
    """The one-time secret in an answer that has more in it."""

    client_secret: ClientSecretText | None = None


class Publication(Model):
    """When a client was published."""

    published_at: Aware


class AssignedRole(Model):
    """A role that a user has."""

    id: Text = ""
    name: Text = ""
    type: Text = ""
    level: Text = ""


class User(Model):
    r"""The caller; for a machine-to-machine client it is a bot user.

    Attributes:
        subject: `qlikbot\<client id>` for a bot.
        client_id: the client that the bot stands for.
    """

    id: str
    tenant_id: Text = ""
    client_id: Text = ""
    status: Text = ""
    subject: Text = ""
    name: Text = ""
    email: Text = ""
    roles: Texts = ()
    assigned_roles: Annotated[tuple[AssignedRole, ...], OddIs(())] = ()
    created_at: Moment = Field(default=None, validation_alias=AliasChoices("createdAt", "created", "created_at"))
    last_updated_at: Moment = Field(
        default=None, validation_alias=AliasChoices("lastUpdatedAt", "lastUpdated", "last_updated_at")
    )


class OAuthToken(Model):
    """A living access token as the tenant lists it, without the token.

    Attributes:
        id: by which it is ended.
        user_id: whom it stands for.
        client_id: the client that requested it; a sample has it, the schema does not.
    """

    id: str
    user_id: Text = ""
    client_id: Text = ""
    description: Text = ""
    last_used: Moment = None


class IssuedToken(Model):
    """What an event tells of a token that was issued; which key or secret was used is not told.

    Attributes:
        issued_to_client_id: the client that requested it.
        grant_type: by which grant.
    """

    issued_to_client_id: Text = ""
    grant_type: Text = ""


class IssuedTokenEvent(Model):
    """A token was issued."""

    id: Text = ""
    event_time: Moment = None
    data: Annotated[IssuedToken, OddIs(IssuedToken())] = IssuedToken()


class ChangedClient(Model):
    """What an event tells of the OAuth client that was changed; what was changed is not told.

    Attributes:
        client_id: the client.
        client_name: its name then.
    """

    client_id: Text = ""
    client_name: Text = ""


class ClientChangeEvent(Model):
    """An OAuth client was created, updated or deleted, or a secret of it.

    Attributes:
        id: the event's own id.
        event_time: when, UTC.
        user_id: who did it.
        data: of which client.
    """

    id: Text = ""
    event_time: Moment = None
    user_id: Text = ""
    data: Annotated[ChangedClient, OddIs(ChangedClient())] = ChangedClient()


class AuthorizationServerMetadata(BaseModel):
    """What the tenant says about its OAuth endpoints (RFC 8414).

    For people and for checks. No address is ever taken from it; of its host names, see `tenant.http.host_names`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    issuer: str
    token_endpoint: str
    revocation_endpoint: Text = ""
    authorization_endpoint: Text = ""
    jwks_uri: Text = ""
    grant_types_supported: Texts = ()
    response_types_supported: Texts = ()


class Link(Model):
    """One address in `links`."""

    href: Text = ""


class Links(Model):
    """The addresses of the pages around this one."""

    next: Annotated[Link | None, OddIs(None)] = None


class Page(Model):
    """Where a listing goes on."""

    links: Annotated[Links, OddIs(Links())] = Links()
    total_results: Annotated[int | None, OddIs(None)] = None


class ClientPage(Page):
    """One page of a listing."""

    data: tuple[OAuthClient, ...]


class UserPage(Page):
    """One page of a listing of users."""

    data: tuple[User, ...]


class OAuthTokenPage(Page):
    """One page of a listing of tokens."""

    data: tuple[OAuthToken, ...]


class IssuedTokenPage(Page):
    """One page of a listing of events."""

    data: tuple[IssuedTokenEvent, ...]


class ClientChangePage(Page):
    """One page of a listing of events."""

    data: tuple[ClientChangeEvent, ...]


class OverviewPage(Page):
    """The same page, as a table needs it."""

    data: tuple[ClientOverview, ...]


def parse(model: type[ModelType], content: bytes, method: str, path: str) -> ModelType:
    """Read an answer's JSON straight into a model.

    Raises:
        TenantProtocolError: it is not what the contract says; the fields that are wrong are named, no value is shown.
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    is_page = is_web_page(content)
    del content
    wrong = ", ".join(sorted({".".join(map(str, problem["loc"][:3])) or problem["type"] for problem in problems}))
    raise unexpected_answer(method, path, wrong, is_page=is_page)
