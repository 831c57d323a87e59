"""The form of a fleet file: its sections, their keys, and what each value may be. The JSON Schema is made of it.

The models check one value at a time; what several say together (a group that is not there, a name that is used twice)
is checked in `checks`. No error quotes a value: someone may have pasted a secret in its place.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from qlik_keys.core.durations import DURATION_PATTERN, parse_duration
from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError, KeyMaterialError
from qlik_keys.fleet.hook_files import hook_name
from qlik_keys.fleet.written_models import problem
from qlik_keys.keys.spec import ALGORITHMS, RSA_SIZES, KeySpec
from qlik_keys.keystore.declarations import LABEL, check_label, check_owner
from qlik_keys.lifecycle.hooks.definition import DEFAULT_TIMEOUT, HOOK_NAME, LONGEST, SHORTEST
from qlik_keys.lifecycle.options import refuse_overlap, refuse_unserviceable
from qlik_keys.lifecycle.provisioning.specification import MAXIMUM_DESCRIPTION_LENGTH, MAXIMUM_NAME_LENGTH
from qlik_keys.tenant.resources.scopes import known_scopes

if TYPE_CHECKING:
    from collections.abc import Callable

Custody = Literal["kv", "transit"]
Method = Literal["private-key-jwt", "client-secret"]
Consent = Literal["trusted", "required"]
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LONGEST = 1000
_TYPOGRAPHIC = tuple("“”„«»\u2018\u2019\u201a")
SCHEMA_ADDRESS = (
    "https://raw.githubusercontent.com/qlik-keys/qlik_keys/main/docs/reference/qlik-keys.schema.json"  # published there
)


def _as_error(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a validator of texts whose refusals are those of a check of the product."""

    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            raise problem("A text is expected here.", "Check the indentation, the braces and the brackets.")
        try:
            checked = check(value)
        except (ConfigurationError, KeyMaterialError) as error:
            found = problem(error.message, error.hint.replace("rotate_after", "rotate-after"))
        else:
            return value if checked is None else checked
        raise found

    return validate


def _whole_days(text: str) -> timedelta:
    span = parse_duration(text)
    refuse_unserviceable(span)
    if span % timedelta(days=1):
        raise ConfigurationError("A rotation period is a whole number of days.", hint="Write for example 90d or 12w.")
    return span


def _overlap(text: str) -> timedelta:
    span = parse_duration(text)
    refuse_overlap(span)
    return span


def _timeout(text: str) -> timedelta:
    span = parse_duration(text)
    if not SHORTEST <= span <= LONGEST:
        raise ConfigurationError("The time limit of a hook is above zero and at most an hour.", hint="Write 90s or 5m.")
    return span


def _key(text: str) -> KeySpec:
    alg, _, bits = text.strip().partition("/")
    if alg not in ALGORITHMS or (bits and not bits.isdecimal()):
        raise ConfigurationError("There is no such kind of key.", hint=f"Write one of: {', '.join(KEY_TEXTS)}.")
    return KeySpec(alg, bits=int(bits) if bits else None)


def key_text(spec: KeySpec) -> str:
    """Return a kind of key as it is written in a fleet file."""
    return spec.alg if spec.bits is None else f"{spec.alg}/{spec.bits}"


KEY_TEXTS = ("ES384", *(f"{alg}/{bits}" for alg in ALGORITHMS if alg != "ES384" for bits in RSA_SIZES))


def _name(text: str) -> str:
    if text[:1] in _TYPOGRAPHIC:
        raise problem("The name begins with a typographic quotation mark.", "Write \" or ' in place of it.")
    found = name_problem(text, longest=MAXIMUM_NAME_LENGTH)
    if found:
        raise problem(f"The name {found.partition(' (')[0]}.", "Choose a short name of printable characters.")
    return text.strip()


def _description(text: str) -> str:
    if len(text) > MAXIMUM_DESCRIPTION_LENGTH:
        raise problem("The description is too long.", f"The maximum is {MAXIMUM_DESCRIPTION_LENGTH} characters.")
    return text.strip()


def is_scope(text: str) -> bool:
    """Tell whether a text can be one scope (RFC 6749, section 3.3)."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _scope(text: str) -> str:
    if not is_scope(text):
        raise problem("This is not one scope.", "Write each scope as an item of its own.")
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise problem("This is not the name of an environment variable.", "Write the variable's name, not its value.")
    return text


def _line(text: str) -> str:
    if not text or not text.isprintable() or len(text) > _LONGEST:
        raise problem("This is empty, too long, or has a character that cannot be displayed.", "Check the value.")
    return text


def _version(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Text = Annotated[str, AfterValidator(_line)]
Name = Annotated[str, AfterValidator(_name), Field(min_length=1, max_length=MAXIMUM_NAME_LENGTH)]
Label = Annotated[
    str,
    AfterValidator(_as_error(lambda text: check_label(text, what="This"))),
    WithJsonSchema({"type": "string", "pattern": f"^{LABEL.pattern}$"}),
]
Owner = Annotated[str, AfterValidator(_as_error(check_owner))]
Variable = Annotated[str, AfterValidator(_variable), WithJsonSchema({"type": "string", "pattern": _VARIABLE.pattern})]
Scope = Annotated[
    str,
    AfterValidator(_scope),
    WithJsonSchema({"anyOf": [{"enum": [*known_scopes()]}, {"type": "string", "pattern": "^[!-~]+$"}]}),
]
_SPAN = {"type": "string", "pattern": DURATION_PATTERN}
RotateAfter = Annotated[
    timedelta, BeforeValidator(_as_error(_whole_days)), WithJsonSchema({**_SPAN, "examples": ["90d"]})
]
Overlap = Annotated[timedelta, BeforeValidator(_as_error(_overlap)), WithJsonSchema({**_SPAN, "examples": ["24h"]})]
Timeout = Annotated[
    timedelta,
    BeforeValidator(_as_error(_timeout)),
    WithJsonSchema({**_SPAN, "examples": ["5m"], "default": "5m"}),
]
HookName = Annotated[
    str, AfterValidator(hook_name), WithJsonSchema({"type": "string", "pattern": f"^(?:{HOOK_NAME.pattern})$"})
]
Key = Annotated[KeySpec, BeforeValidator(_as_error(_key)), WithJsonSchema({"enum": [*KEY_TEXTS, "RS256", "RS512"]})]
Version = Annotated[Literal[1], BeforeValidator(_version)]


class Part(BaseModel):
    """A section of the file: its keys have hyphens, and one that is not known is refused."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"),
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
    )


class Choices(Part):
    """What clients may share. What is given nowhere stays as it is, and has the product's default at a new client."""

    scopes: tuple[Scope, ...] | None = None
    """What the client may ask tokens for."""
    key: Key | None = None
    """The kind of key: ES384, or RS256 or RS512 with the size of the RSA key, for example RS256/4096."""
    custody: Custody | None = None
    """Who holds the private key: kv (readable with permission) or transit (Vault signs and never reveals it)."""
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] | None = None
    """How the client may log in."""
    consent: Consent | None = None
    """The consent method; a machine needs trusted."""
    impersonation: bool | None = None
    """Whether the client may ask for tokens of users as well."""
    description: Annotated[str, AfterValidator(_description)] | None = None
    """Shown in Qlik's console."""
    rotate_after: RotateAfter | None = None
    """How long a key should serve."""
    overlap: Overlap | None = None
    """How long the old key goes on at a rotation."""
    owner: Owner | None = None
    """Who answers for the client; shown in Vault's metadata."""
    tags: tuple[Label, ...] | None = None
    """Labels; shown in Vault's metadata."""
    hooks: tuple[str, ...] | None = None
    """Hooks of this file that run once the client has a new key."""


class ClientPart(Choices):
    """One client, on some or all of the tenants."""

    name: Name
    """The client's name on the tenants."""
    group: str | None = None
    """A group of this file; what the client itself does not say is taken from it."""
    tenants: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Tenants of this file; by default all of them."""


class VaultPart(Part):
    """A Vault, and where in it the records are. What is not given comes from the environment."""

    address: Text = ""
    """Its URL."""
    namespace: Text = ""
    """Its namespace."""
    mount: Text = ""
    """The KV version 2 mount with the records."""
    prefix: Text = ""
    """The folder in it."""
    custody: Custody | Literal[""] = ""
    """Who holds the keys that are made from now on, where a client does not say."""
    ca_cert: Text = ""
    """A file with the certificate authority of the Vault."""
    token_variable: Variable = ""
    """The environment variable that holds a token."""
    token_file: Text = ""
    """The file that holds a token."""


class TenantPart(Part):
    """A tenant, and how to log in to it: what holds the secret is named, never the secret."""

    url: Text = ""
    """Its URL."""
    context: Text = ""
    """A qlik-cli context with its server and login."""
    api_key_variable: Variable = ""
    """The environment variable that holds an API key."""
    api_key_file: Text = ""
    """The file that holds an API key."""
    client_id: Text = ""
    """An OAuth client, with client-secret-variable or client-secret-file."""
    client_secret_variable: Variable = ""
    """The environment variable that holds its secret."""
    client_secret_file: Text = ""
    """The file that holds its secret."""
    login_client: Text = ""
    """A client, by id or name, whose private key is in the Vault: no other secret is needed."""
    vault: VaultPart = VaultPart()
    """Where the tenant's keys are."""


class HookPart(Part):
    """What runs once a client has a new key, so that its consumers read it: a program, or a call of an address."""

    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """A program and its arguments; no shell."""
    url_variable: Variable = ""
    """The environment variable that holds the address, to which a JSON document is sent by POST."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """How long it is waited for, at most an hour."""
    clients: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Names, ids or patterns (etl-*) of the clients that it is for, next to those that name it under their hooks."""


class FleetFile(Part):
    """A fleet of qlik_keys: the machine-to-machine clients that should be on Qlik Cloud tenants. It holds no secret."""

    version: Version
    """The version of this format."""
    fleet: Label | None = None
    """The fleet's name, which marks its clients in the Vault; two files must not share it."""
    extra_scopes: tuple[Scope, ...] = ()
    """Scopes that the tenants know and qlik_keys does not: without them here, they are taken for typing errors."""
    defaults: Choices = Choices()
    """What holds for every client that does not say otherwise, itself or by its group."""
    groups: dict[str, Choices] = {}
    """What holds for the clients of a group, by its name."""
    tenants: Annotated[dict[str, TenantPart], Field(min_length=1)]
    """The tenants, by a name of your choice."""
    clients: tuple[ClientPart, ...] = ()
    """The clients."""
    hooks: dict[HookName, HookPart] = {}
    """What runs once a client has a new key, by a name of your choice."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a fleet file, for editors."""
    schema = FleetFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ADDRESS,
        **{name: _without_null(part) for name, part in schema.items()},
    }


def _without_null(part: Any) -> Any:
    """Return a part of the schema without what the file has no word for: null, and a default that says nothing."""
    if isinstance(part, list):
        return [_without_null(each) for each in part]
    if not isinstance(part, dict):
        return part
    choices = [each for each in part.get("anyOf", ()) if each != {"type": "null"}]
    rest = {name: value for name, value in part.items() if name != "default" or value not in (None, "", {}, [])}
    if "anyOf" in part and len(choices) == 1:
        del rest["anyOf"]
        rest = {**choices[0], **rest}
    elif "anyOf" in part:
        rest["anyOf"] = choices
    return {name: _without_null(value) for name, value in rest.items()}
