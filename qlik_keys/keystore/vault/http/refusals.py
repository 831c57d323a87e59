"""Why Vault refuses: is it the token, the policy, or the mount?

Vault answers 403 to all three, and hides which mounts there are from a token that has no right in them. What tells
them apart is asked for here, by endpoints that the policy `default` allows; where it does not, the error says less.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from qlik_keys.errors import StoreDenied, StoreError, StoreMisconfigured, StoreNotFound

if TYPE_CHECKING:
    from qlik_keys.keystore.vault.http.api import VaultApi
    from qlik_keys.keystore.vault.http.token import Lease

_KV_TYPES = ("kv", "generic")
MOUNTS_PATH = "/v1/sys/internal/ui/mounts"
_NO_MOUNT = (
    "The token sees no KV version 2 mount. The Vault's operator can create one: vault secrets enable "
    "-path={mount} kv-v2"
)


class Right(NamedTuple):
    """What a call needs: one of these capabilities on that branch of the mount ("data", "metadata", "destroy", …)."""

    branch: str
    capabilities: tuple[str, ...]
    verb: str


READ = Right("data", ("read",), "read")
WRITE = Right("data", ("create", "update"), "write")
LIST = Right("metadata", ("list",), "list")
READ_METADATA = Right("metadata", ("read",), "read the metadata of")
WRITE_METADATA = Right("metadata", ("create", "update"), "write the metadata of")
DELETE = Right("metadata", ("delete",), "delete")
DESTROY = Right("destroy", ("update",), "destroy old versions of")
# In the Transit engine; the "path" of these is a key's name.
MAKE_KEY = Right("keys", ("update",), "make the key")
READ_KEY = Right("keys", ("read",), "read the public half of")
LIST_KEYS = Right("keys", ("list",), "list the keys of")
DESTROY_KEY = Right("keys", ("update", "delete"), "destroy the key")
IMPORT_KEY = Right("keys", ("update",), "import the key")
READ_WRAPPING_KEY = Right("wrapping_key", ("read",), "read the wrapping key of")
SIGN = Right("sign", ("update",), "sign with")


class Grant(NamedTuple):
    """What the token may do at a path.

    Attributes:
        valid: False when Vault accepts the token for nothing, as far as can be told.
        capabilities: as Vault names them; None when it would not tell.
    """

    valid: bool
    capabilities: tuple[str, ...] | None = None


def granted(api: VaultApi, path: str) -> Grant:
    """Ask what the token in use may do at a path.

    Raises:
        StoreError: Vault cannot be asked at all.
    """
    try:
        return api.shielded(lambda api: _read_capabilities(api.system.get_capabilities([path]), path), path=path)
    except (StoreDenied, StoreNotFound):
        pass
    try:
        # Needs no policy at all, not even `default`: it shows the mounts that the token has any right in.
        api.shielded(lambda api: api.adapter.get(MOUNTS_PATH), path=path)
    except StoreDenied:
        return Grant(valid=False)
    return Grant(valid=True)


def _read_capabilities(answer: Any, path: str) -> Grant:
    data = answer.get("data") if isinstance(answer, dict) else None
    found = data.get(path) if isinstance(data, dict) else None
    if not isinstance(found, list):
        return Grant(valid=True)
    return Grant(valid=True, capabilities=tuple(str(name) for name in found if name != "deny"))


def denied(
    api: VaultApi, grant: Grant, right: Right, *, mount: str, path: str, lease: Lease, now: float
) -> StoreDenied:
    """Return the error that says what is missing for a call that was refused."""
    full_path = f"{mount}/{path}"
    if not grant.valid:
        return refused_token(api, path=full_path, lease=lease, now=now)
    rule = f"{mount}/{right.branch}/{path}"
    needed = " and ".join(right.capabilities)
    if grant.capabilities is None:
        message = f"The Vault token may not {right.verb} {full_path}."
        hint = f"Its policy must grant {needed} on `{rule}`."
    elif "root" in grant.capabilities or set(right.capabilities) <= set(grant.capabilities):
        message = f"The Vault token's policy grants {needed} on `{rule}`, but Vault still refuses to {right.verb} it."
        hint = "A parameter rule, a control group or a Sentinel policy denies it: ask the Vault's operator."
    else:
        has = ", ".join(grant.capabilities) or "nothing"
        message = f"The Vault token may not {right.verb} {full_path}: its policy grants only {has} on `{rule}`."
        hint = f"It must grant {needed} there; ask the Vault's operator."
    return StoreDenied(message, path=full_path, hint=hint)


def refused_token(api: VaultApi, *, path: str, lease: Lease, now: float) -> StoreDenied:
    """Return the error for a token that is accepted for nothing."""
    hint = "Log in again (`vault login`) and pass the new token."
    if lease.is_used_up(api.sent):
        limited = "its number of uses (num_uses) is exhausted"
        if lease.uses_left is None:
            # It was good for the one request that asked about it.
            limited = "it was valid for one call, as a wrapping token is, and has been used"
            hint = (
                "Unwrap a wrapping token first (`vault unwrap`), and use the token inside; ask for a new "
                "wrapping token."
            )
        else:
            hint = "Use a token without a limit on its number of uses: each operation needs many requests."
        message = f"The Vault at {api.host} does not accept the token any more: {limited}."
    elif now >= lease.expires_at:
        ended = datetime.fromtimestamp(int(lease.expires_at), tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        message = f"The Vault token expired at {ended}."
    else:
        message = (
            f"The Vault at {api.host} does not accept the token: it is expired, revoked, used up, or from another "
            "Vault."
        )
    return StoreDenied(message, path=path, hint=hint)


def check_mount(api: VaultApi, *, mount: str, folder: str, lease: Lease, now: float) -> None:
    """Make sure that the mount is a KV version 2 engine, before anything is written to it.

    Args:
        api: the calls.
        mount: the mount's path.
        folder: a path in it where the token should have rights.
        lease: the token in use.
        now: the time.

    Raises:
        StoreMisconfigured: it is not.
        StoreDenied: the token is not accepted, or has no right in such a mount.
        StoreError: Vault cannot be asked.
    """
    host = api.host
    problem: StoreError | None
    try:
        problem = api.shielded(
            lambda api: _problem_of(api.adapter.get(f"{MOUNTS_PATH}/{quote(mount)}"), mount=mount, host=host),
            path=mount,
        )
    except StoreDenied:
        problem = _unseen_mount(api, mount=mount, folder=folder, lease=lease, now=now)
    if problem is not None:
        raise problem


def _problem_of(answer: Any, *, mount: str, host: str) -> StoreMisconfigured | None:
    """Say what is wrong with a mount, from Vault's description of it."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        return StoreMisconfigured(
            f"The Vault at {host} does not report what is mounted at {mount!r}.",
            path=mount,
            hint="Check that the address is that of the Vault and that no proxy answers instead of it.",
        )
    found, kind = str(data.get("path", "")).strip("/"), data.get("type")
    options = data.get("options")
    version = options.get("version") if isinstance(options, dict) else None
    if found != mount:
        return StoreMisconfigured(
            f"{mount!r} is not a mount of the Vault at {host}: it is a folder in the mount {found!r}.",
            path=mount,
            hint=f"Give mount={found!r}, and put the rest before `prefix`.",
        )
    if kind not in _KV_TYPES:
        return StoreMisconfigured(
            f"At {mount!r} the Vault at {host} has an engine of type {kind!r}, not a KV store.",
            path=mount,
            hint="Give the mount of a KV version 2 secrets engine, as `vault secrets list` shows it.",
        )
    if str(version) != "2":
        return StoreMisconfigured(
            f"At {mount!r} the Vault at {host} has KV version 1, which has no versions and no compare-and-set.",
            path=mount,
            hint=f"Give a KV version 2 mount, or ask the Vault's operator to run: vault kv enable-versioning {mount}",
        )
    return None


def _unseen_mount(api: VaultApi, *, mount: str, folder: str, lease: Lease, now: float) -> StoreError:
    """Say why Vault will not tell about a mount."""
    grant = granted(api, f"{mount}/data/{folder}/x")
    if not grant.valid:
        return refused_token(api, path=mount, lease=lease, now=now)
    seen = _seen_mounts(api)
    hint = f"KV version 2 mounts that this token sees: {', '.join(seen)}." if seen else _NO_MOUNT.format(mount=mount)
    if grant.capabilities:
        return StoreMisconfigured(f"The Vault at {api.host} has no mount {mount!r}.", path=mount, hint=hint)
    return StoreDenied(
        f"The Vault at {api.host} has no mount {mount!r}, or the token has no permission in it.",
        path=mount,
        hint=f"{hint.removesuffix('.')}. Check `mount`, or ask for a policy for `{mount}/data/{folder}/*` and "
        f"`{mount}/metadata/{folder}/*`.",
    )


def _seen_mounts(api: VaultApi) -> list[str]:
    """Return the KV version 2 mounts in which the token has some right, for a hint."""

    def read(api: VaultApi) -> list[str]:
        mounts = api.adapter.get(MOUNTS_PATH)["data"]["secret"]
        return sorted(
            name.strip("/")
            for name, mount in mounts.items()
            if mount["type"] in _KV_TYPES and (mount["options"] or {}).get("version") == "2" and name.isprintable()
        )

    try:
        return api.shielded(read, path="sys")
    except StoreError:
        return []
