"""What is filled in and sent by a click: the forms of the panel, as frozen values. Secrets in them are opaque."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from qlik_keys.keys.spec import DEFAULT_KEY, DEFAULT_OVERLAP
from qlik_keys.keystore import defaults

if TYPE_CHECKING:
    from qlik_keys.keystore.base import Custody

OVERLAP_HOURS = f"{DEFAULT_OVERLAP / timedelta(hours=1):g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectForm:
    """How to connect to a tenant and a Vault; secrets are `Secret`, or None for "from the environment".

    Attributes:
        tenant_url: the tenant's address.
        credential: how to log in there.
        context: the qlik-cli context, for "context".
        api_key: for "api_key".
        login_client: for "vault_key": the id or name of a client whose private key is in the Vault.
        client_id: for "client_secret".
        client_secret: for "client_secret".
        vault_url: the Vault's address.
        vault_login: how to log in there; "environment" is the login that the environment names.
        vault_token: for "token".
        role_id: for "approle"; the user for "userpass".
        secret_id: for "approle"; the password for "userpass".
        mount: the KV version 2 mount.
        prefix: the folder in it.
        namespace: the Vault's namespace, "" for none.
        custody: who holds the private keys.
    """

    tenant_url: str
    credential: Literal["api_key", "client_secret", "vault_key", "context"]
    context: str = ""
    api_key: Any = None
    login_client: str = ""
    client_id: str = ""
    client_secret: Any = None
    vault_url: str = ""
    vault_login: Literal["token", "approle", "userpass", "environment"] = "token"
    vault_token: Any = None
    role_id: str = ""
    secret_id: Any = None
    mount: str = defaults.MOUNT
    prefix: str = defaults.PREFIX
    namespace: str = ""
    custody: Custody = "kv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientForm:
    """A new client.

    Attributes:
        name: the client's name.
        description: shown in Qlik's console.
        scopes: what it may do.
        private_key_jwt: log in by a key.
        key_choice: which kind of key, a name of `KEY_CHOICES`, or `OWN_KEY`.
        own_key: the text of the user's own key file, a `Secret`.
        own_key_passphrase: its passphrase, a `Secret`.
        client_secret: log in by a client secret.
        impersonation: may request tokens of users as well.
        trusted: consent method "trusted".
    """

    name: str
    description: str = ""
    scopes: tuple[str, ...] = ()
    private_key_jwt: bool = True
    key_choice: str = DEFAULT_KEY.alg
    own_key: Any = None
    own_key_passphrase: Any = None
    client_secret: bool = False
    impersonation: bool = False
    trusted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeForm:
    """A change of an existing client, with its options.

    Attributes:
        operation: a name of `words.OPERATIONS`: "rotate", "delete", ...; "resume" is for all that was interrupted.
        client_id: which client, "" for "resume".
        overlap_hours: how long the old key still logs in, for "rotate".
        key_choice: which kind of key, a name of `KEY_CHOICES`; "" for the kind that it has.
        allow_swap: if the tenant accepts one key only, replace it.
        force: retire also before the overlap is over.
        remove_secrets: adopt, and then delete the client secrets.
        keep_secret: delete, and leave the keys in the Vault.
        remove_bot: delete, and its bot user too.
        hint: which client secret, for "remove_secret".
        confirm: the client's id once more, for "delete".
    """

    operation: str
    client_id: str = ""
    overlap_hours: str = OVERLAP_HOURS
    key_choice: str = ""
    allow_swap: bool = False
    force: bool = False
    remove_secrets: bool = False
    keep_secret: bool = False
    remove_bot: bool = False
    hint: str = ""
    confirm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenForm:
    """A request for a token.

    Attributes:
        client_id: as which client.
        scopes: what to request; none for all that the client may have.
        user_field: how the user of the token is looked up, "" for a token of the client itself.
        user_value: the user's id or subject.
        variant: how the assertion is invalid on purpose, a name of `INVALID_VARIANTS`; "" for a valid one.
    """

    client_id: str
    scopes: tuple[str, ...] = ()
    user_field: Literal["", "userId", "subject"] = ""
    user_value: str = ""
    variant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForm:
    """A call with the current token, as it was typed.

    Attributes:
        method: HTTP method.
        path: for instance v1/users/me.
        body: JSON text, "" for none.
        confirm: the client's id once more, if the call deletes a client.
    """

    method: str
    path: str
    body: str = field(default="", repr=False)
    confirm: str = ""
