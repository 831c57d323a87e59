"""What a client should be: the nine choices of Qlik's tutorial as one value.

It is what a person asks for, what waits in the pending record while the client is made, what the registration body is
built from, and what an existing client is compared with (qlik-cloud-contract, "The console's words").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qlik_keys.core.arguments import FLAG, TEXT, require, texts
from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError, ManualActionRequired
from qlik_keys.keys import KeySpec, PrivateKey
from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.lifecycle.options import refuse_unserviceable
from qlik_keys.tenant import NewOAuthClient
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS, IMPERSONATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from qlik_keys.keys import PublicJwk
    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.tenant import OAuthClient

APP_TYPE = "web"
CLIENT_SECRET = "client_secret"  # noqa: S105  # the name of a method
PRIVATE_KEY_JWT = "private_key_jwt"
MAXIMUM_NAME_LENGTH = 512
MAXIMUM_DESCRIPTION_LENGTH = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSpecification:
    """A machine-to-machine client as it was asked for.

    Attributes:
        name: the client's name; asking again for the same name is asking for the same client.
        scopes: sorted, without doubles.
        key: the kind of key, or the thumbprint of a key that was brought along, or None for no key.
        client_secret: also (or only) log in by client secret.
        description: shown in Qlik's console.
        impersonation: may ask for tokens of users as well.
        trusted: consent method "trusted", without which a machine cannot log in.
        rotate_after_days: how long a key should serve.
        is_service_asked: whether that was asked for, and is not the default, which an existing client need not have.
    """

    name: str
    scopes: tuple[str, ...]
    key: KeySpec | str | None
    client_secret: bool = False
    description: str = ""
    impersonation: bool = False
    trusted: bool = True
    rotate_after_days: int = ROTATE_AFTER.days
    is_service_asked: bool = field(default=False, compare=False)

    @classmethod
    def of(
        cls,
        *,
        name: str,
        scopes: Iterable[str],
        key: KeySpec | PrivateKey | str | None,
        client_secret: bool,
        description: str,
        impersonation: bool,
        trusted: bool,
        rotate_after: timedelta | None,
    ) -> ClientSpecification:
        """Check what was asked for and return it as a specification.

        Raises:
            ConfigurationError: a value is out of the contract's bounds; says which and what to do.
            TypeError: a value is of another type, for example `scopes` one text instead of a list.
        """
        require(TEXT, name=name, description=description)
        require(FLAG, client_secret=client_secret, impersonation=impersonation, trusted=trusted)
        asked = texts("scopes", scopes)
        problem = name_problem(name, longest=MAXIMUM_NAME_LENGTH)
        if problem:
            raise ConfigurationError(
                f"The client's name {problem}.", hint="Choose a short name of printable characters."
            )
        name = name.strip()
        if len(description) > MAXIMUM_DESCRIPTION_LENGTH:
            raise ConfigurationError(
                f"The description has {len(description)} characters; the maximum is {MAXIMUM_DESCRIPTION_LENGTH}.",
                hint="Shorten it.",
            )
        chosen = tuple(sorted({scope.strip() for scope in asked} - {""}))
        if not chosen:
            raise ConfigurationError("The client has no scope.", hint='Give at least one, for example "user_default".')
        broken = [scope for scope in chosen if not scope.isascii() or not scope.isprintable() or " " in scope]
        if broken:
            raise ConfigurationError(
                f"{broken[0]!r} is not one scope{_odd_letter(broken[0])}.",
                hint="Give each scope as a separate string of plain characters.",
            )
        if key is None and not client_secret:
            raise ConfigurationError(
                "The client could not log in: neither a key nor a client secret was requested.",
                hint="Give `key=KeySpec(…)`, or `client_secret=True`, or both.",
            )
        service = ROTATE_AFTER if rotate_after is None else rotate_after
        refuse_unserviceable(service)
        return cls(
            name=name,
            scopes=chosen,
            key=key.public.thumbprint if isinstance(key, PrivateKey) else key,
            client_secret=client_secret,
            description=description.strip(),
            impersonation=impersonation,
            trusted=trusted,
            rotate_after_days=service.days,
            is_service_asked=rotate_after is not None,
        )

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """How the client may log in."""
        return ((CLIENT_SECRET,) if self.client_secret else ()) + ((PRIVATE_KEY_JWT,) if self.key is not None else ())

    @property
    def grant_types(self) -> tuple[str, ...]:
        """What the client may ask tokens for; the first one is the tick at "Machine-to-machine"."""
        return (CLIENT_CREDENTIALS, IMPERSONATION) if self.impersonation else (CLIENT_CREDENTIALS,)

    def to_document(self) -> dict[str, object]:
        """Return the specification as JSON-ready values, for the pending record."""
        key: object = self.key
        if isinstance(self.key, KeySpec):
            key = {"alg": self.key.alg, "bits": self.key.bits}
        return {
            "name": self.name,
            "scopes": list(self.scopes),
            "key": key,
            "client_secret": self.client_secret,
            "description": self.description,
            "impersonation": self.impersonation,
            "trusted": self.trusted,
            "rotate_after_days": self.rotate_after_days,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ClientSpecification:
        """Read what `to_document` wrote.

        Raises:
            ManualActionRequired: the pending record is not one that this version understands.
        """
        try:
            key = document["key"]
            return cls(
                name=str(document["name"]),
                scopes=tuple(str(scope) for scope in document["scopes"]),
                key=KeySpec(key["alg"], bits=key["bits"]) if isinstance(key, dict) else key,
                client_secret=bool(document["client_secret"]),
                description=str(document["description"]),
                impersonation=bool(document["impersonation"]),
                trusted=bool(document["trusted"]),
                rotate_after_days=int(document["rotate_after_days"]),
            )
        except (KeyError, TypeError, ValueError):
            pass
        raise ManualActionRequired(
            "A pending client has a specification that this version does not understand.",
            hint="Finish it with the version that started it, or delete the pending record in Vault.",
        )

    def registration(self, public: PublicJwk | None) -> NewOAuthClient:
        """Return the body that registers the client, with the public half of its key."""
        return NewOAuthClient(
            app_type=APP_TYPE,
            client_name=self.name,
            description=self.description,
            allowed_scopes=self.scopes,
            allowed_grant_types=self.grant_types,
            allowed_auth_methods=self.auth_methods,
            public_keys=() if public is None else (public,),
            consent_method="trusted" if self.trusted else None,
        )

    def differences(
        self, client: OAuthClient, record: ClientRecord, *, custody: str | None, consent: str | None
    ) -> dict[str, tuple[object, object]]:
        """Return what differs between this and a client that exists: field -> (asked for, there).

        Args:
            client: the client on the tenant.
            record: its record.
            custody: who should hold its key; None where no one says so.
            consent: its consent method; None where no one asked for it.
        """
        pairs: dict[str, tuple[object, object]] = {
            "app_type": (APP_TYPE, client.app_type),
            "scopes": (list(self.scopes), sorted(client.allowed_scopes)),
            "grant_types": (sorted(self.grant_types), sorted(client.allowed_grant_types)),
            "auth_methods": (sorted(self.auth_methods), sorted(client.allowed_auth_methods)),
        }
        if self.description:
            pairs["description"] = (self.description, client.description or "")
        current = record.current
        if isinstance(self.key, str):
            pairs["key"] = (self.key, current and current.public.thumbprint)
        elif self.key is not None and current is not None:
            pairs["key"] = (str(self.key), str(current.public.spec or current.alg))
        elif self.key is not None:
            pairs["key"] = (str(self.key), None)
        if self.key is not None and current is not None:
            pairs["custody"] = (custody or current.custody, current.custody)
            if self.is_service_asked and record.rotate_by is not None:
                served = record.rotate_by - (current.promoted_at or current.made_at)
                pairs["rotate_after"] = (f"{self.rotate_after_days} days", f"{served.days} days")
        if consent is not None:
            pairs["consent"] = (_consent(trusted=self.trusted), _consent(trusted=consent == "trusted"))
        return {name: (asked, there) for name, (asked, there) in pairs.items() if asked != there}


def _odd_letter(scope: str) -> str:
    """Return which character keeps a text from being one scope, and where it stands."""
    place, letter = next((place, letter) for place, letter in enumerate(scope, 1) if not "!" <= letter <= "~")
    named = "a blank" if letter == " " else f"the character {letter!a}"
    return f": it has {named} as its character {place}"


def _consent(*, trusted: bool) -> str:
    return "trusted" if trusted else "not trusted"
