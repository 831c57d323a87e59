"""The least Vault policy for each role, as text ready to paste: admin, consumer, auditor, notifier.

Each rule is needed by some piece of the role's work, and nothing beyond that work is allowed; the tests take every
capability away in turn. Not done here: giving it to anyone (`vault policy write`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from qlik_keys.core.arguments import TEXT, require
from qlik_keys.errors import ConfigurationError
from qlik_keys.keystore import defaults
from qlik_keys.keystore.base import pending_document_name
from qlik_keys.keystore.optional import NOTIFIED
from qlik_keys.keystore.vault.documents.records import NAMES_FOLDER, PENDING_FOLDER, check_folder, check_segment
from qlik_keys.keystore.vault.profiles import PROFILE_FOLDER
from qlik_keys.keystore.vault.transit import plain

Role = Literal["admin", "consumer", "auditor", "notifier"]
Engines = Literal["kv", "transit", "both"]
ROLES: tuple[Role, ...] = ("admin", "consumer", "auditor", "notifier")
ENGINES: tuple[Engines, ...] = ("kv", "transit", "both")


class _Rule(NamedTuple):
    why: str
    path: str
    capabilities: tuple[str, ...]

    def text(self) -> str:
        named = ", ".join(f'"{name}"' for name in self.capabilities)
        return f'# {self.why}\npath "{self.path}" {{ capabilities = [{named}] }}'


def vault_policy(
    role: Role,
    *,
    tenant_host: str = "",
    client_id: str = "",
    client_name: str = "",
    custody: Engines = "both",
    mount: str = defaults.MOUNT,
    prefix: str = defaults.PREFIX,
    transit_mount: str = defaults.TRANSIT_MOUNT,
) -> str:
    """Return the least policy for a role, in HCL.

    Args:
        role: "admin" makes, changes and deletes clients' keys; "consumer" logs in as clients; "auditor" sees which
            clients have keys, of what age, and never a key; "notifier" is an auditor who also notes what notifications
            have told.
        tenant_host: for the clients of one tenant; by default of all.
        client_id: for a consumer of one client alone; with its `tenant_host`.
        client_name: that client's name, by which its keys in Transit are found, and it itself by `--client NAME`.
        custody: "kv", "transit" or "both".
        mount: the path of the KV version 2 engine.
        prefix: the folder in it under which ours lie.
        transit_mount: the path of the Transit engine.

    Raises:
        ConfigurationError: there is no such role or custody, a part is not fit for a path, or a part is missing.

    Example:
        >>> print(vault_policy("auditor", tenant_host="acme.eu.qlikcloud.com"))  # doctest: +SKIP
    """
    require(TEXT, role=role, tenant_host=tenant_host, client_id=client_id, client_name=client_name, custody=custody)
    require(TEXT, mount=mount, prefix=prefix, transit_mount=transit_mount)
    if role not in ROLES:
        raise ConfigurationError(f"There is no role {role!r}.", hint=f"One of: {', '.join(ROLES)}.")
    if custody not in ENGINES:
        raise ConfigurationError(f"There is no custody {custody!r}.", hint=f"One of: {', '.join(ENGINES)}.")
    if client_id and (role != "consumer" or not tenant_host):
        raise ConfigurationError(
            "Only a consumer's policy on one tenant can be limited to one client.",
            hint="Give the role consumer and the tenant.",
        )
    if client_id and not client_name and custody != "kv":
        raise ConfigurationError(
            "The client's keys in Transit are found by its name.",
            hint="Also give the client's name, or choose custody kv.",
        )
    kv, folder = check_folder(mount, what="mount"), check_folder(prefix, what="prefix")
    engine = check_folder(transit_mount, what="transit_mount")
    host = check_segment(tenant_host, what="tenant host") if tenant_host else ""
    client = check_segment(client_id, what="client id") if client_id else "+"
    place = f"{folder}/{host or '+'}"
    name = f"{plain(folder)}.{plain(host)}." if host else f"{plain(folder)}."
    if role == "admin":
        in_kv = _admin_in_kv(kv, place)
        in_transit = _admin_in_transit(engine, name)
    elif role == "consumer":
        its = f"{name}{pending_document_name(client_name)}." if client_id else name
        in_kv = [
            _Rule("Read a client's secret: the key, or its name in Transit.", f"{kv}/data/{place}/{client}", _READ)
        ]
        if client_name or not client_id:
            entry = f"{kv}/metadata/{place}/{NAMES_FOLDER}/{pending_document_name(client_name) if client_id else '+'}/"
            in_kv.append(_Rule("Find the client by its name.", entry, ("list",)))
        in_transit = [_Rule("Have Vault sign with its key.", f"{engine}/sign/{its}*", ("update",))]
    else:
        in_kv = [
            _Rule("See which clients have keys.", f"{kv}/metadata/{place}/", ("list",)),
            _Rule("See their names, kids, ages and custody; no key is in these.", f"{kv}/metadata/{place}/+", _READ),
            # Not their content: until a client is made, its private key is in there.
            _Rule("See how many clients are pending.", f"{kv}/metadata/{place}/{PENDING_FOLDER}/", ("list",)),
        ]
        in_transit = [
            _Rule(
                "See whether a key can be exported from Vault; only public keys are returned.",
                f"{engine}/keys/{name}*",
                _READ,
            )
        ]
    if role == "notifier":
        path = f"{kv}/data/{place}/{PROFILE_FOLDER}/{NOTIFIED}"
        in_kv.append(_Rule("Note what notifications have told; no key is in there.", path, _WRITE))
    # A key in Transit is named by a document in KV, so the rules for KV are needed with either custody.
    rules = in_kv + (in_transit if custody != "kv" else [])
    of_whom = f" of client {client_id}" if client_id else ""
    where = f" on {host}" if host else " on every tenant"
    return "\n\n".join([f"# qlik_keys: {role}{of_whom}{where}", *(rule.text() for rule in rules)]) + "\n"


_READ = ("read",)
_WRITE = ("create", "read", "update")


def _admin_in_kv(mount: str, place: str) -> list[_Rule]:
    return [
        _Rule("Write and read the clients' keys.", f"{mount}/data/{place}/*", _WRITE),
        _Rule(
            "List clients, write the custom metadata with the dates of their keys, and delete records that are no "
            "longer needed.",
            f"{mount}/metadata/{place}/*",
            ("create", "read", "update", "list", "delete"),
        ),
        _Rule("Destroy the versions that still show a retired key.", f"{mount}/destroy/{place}/*", ("update",)),
    ]


def _admin_in_transit(mount: str, name: str) -> list[_Rule]:
    return [
        _Rule(
            "Let Vault generate keys, import keys, return their public keys, and destroy them.",
            f"{mount}/keys/{name}*",
            ("read", "update", "delete"),
        ),
        _Rule("Find keys that no record refers to.", f"{mount}/keys", ("list",)),
        _Rule("Wrap an existing key for the import.", f"{mount}/wrapping_key", _READ),
        _Rule("Verify a new key by a login.", f"{mount}/sign/{name}*", ("update",)),
    ]
