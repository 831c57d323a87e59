"""What an OAuth client may look like: the fields of a create request, and JSON Patch on a client.

Rules of qlik-cloud-contract ("/api/v1/oauth-clients") and RFC 6902. Pure: documents in, checked documents out. Public
keys are passed through; `registration` checks them.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from qlik_keys.sandbox.simulator.messages import bad_request, strict_json

APP_TYPES = ("web", "native", "spa", "anonymous-embed")
AUTH_METHODS = ("client_secret", "private_key_jwt")
IMPERSONATION = "urn:qlik:oauth:user-impersonation"
GRANT_TYPES = ("client_credentials", IMPERSONATION)
CONSENT_METHODS = ("required", "trusted")

_TEXTS = {"clientName": 512, "description": 4096, "clientUri": 2048, "logoUri": 2048, "jwksUri": 2048}
_LISTS = {
    "redirectUris": 5,
    "allowedOrigins": 5,
    "allowedScopes": 500,
    "allowedGrantTypes": len(GRANT_TYPES),
    "allowedAuthMethods": len(AUTH_METHODS),
}
_CREATE_FIELDS = frozenset({*_TEXTS, *_LISTS, "appType", "publicKeys", "connectionConfig"})
_PATCH_PATHS = {f"/{name}": name for name in (*_TEXTS, *_LISTS, "publicKeys")}
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")  # RFC 6749 3.3
_MAXIMUM_OPERATIONS = 100


def read_create(document: Any) -> tuple[dict[str, Any], list[Any], str]:
    """Return the fields, the public keys and the consent method of a create request.

    Raises:
        Refusal: the request is wrong.
    """
    if not isinstance(document, dict):
        raise bad_request("The body is not a JSON object.")
    if document.keys() - _CREATE_FIELDS:
        raise bad_request("There is a field that a create request does not have; read-only fields are not sent.")
    fields = {name: value for name, value in document.items() if name not in ("publicKeys", "connectionConfig")}
    if fields.get("appType") not in APP_TYPES:
        raise bad_request("appType must be one of " + ", ".join(APP_TYPES) + ".")
    for name in _LISTS:
        fields.setdefault(
            name, ["client_secret"] if name == "allowedAuthMethods" and fields["appType"] == "web" else []
        )
    consent = "required"
    if "connectionConfig" in document:
        if document["connectionConfig"] != {"consentMethod": "trusted"}:
            raise bad_request('connectionConfig must be {"consentMethod": "trusted"}, or be left out.')
        consent = "trusted"
    keys = document.get("publicKeys", [])
    check(fields, keys)
    return fields, keys, consent


def read_patch(
    document: Any, *, fields: dict[str, Any], keys: list[Any], keys_form: str = "objects", replaces_absent: bool = False
) -> tuple[dict[str, Any], list[Any]]:
    """Return what fields and public keys become by a JSON Patch; all of it is applied, or nothing.

    Args:
        document: the body.
        fields: as they are.
        keys: the public keys as they are.
        keys_form: how the value of `/publicKeys` is written (`SandboxSettings.keys_form`).
        replaces_absent: whether `replace` makes a member that is absent.

    Raises:
        Refusal: an operation is not allowed, or the result is not a client.
    """
    if not isinstance(document, list) or not document:
        raise bad_request("The body is not a JSON Patch: an array with at least one operation.")
    if len(document) > _MAXIMUM_OPERATIONS:
        raise bad_request(f"A patch may have at most {_MAXIMUM_OPERATIONS} operations.")
    changed: dict[str, Any] = {**fields, "publicKeys": keys}
    for position, operation in enumerate(document):
        _apply(operation, changed, position, keys_form=keys_form, replaces_absent=replaces_absent)
    new_keys = changed.pop("publicKeys")
    check(changed, new_keys)
    return changed, new_keys


def read_consent_patch(document: Any) -> str:
    """Return the consent method that a patch of the connection config sets.

    Raises:
        Refusal: it is another patch.
    """
    operation = document[0] if isinstance(document, list) and len(document) == 1 else None
    if not isinstance(operation, dict) or operation.get("op") != "replace":
        raise bad_request('The body must be an array with one operation, and the op must be "replace".')
    if operation.get("path") != "/consentMethod" or operation.get("value") not in CONSENT_METHODS:
        raise bad_request('path must be /consentMethod, and value "required" or "trusted".')
    return str(operation["value"])


def check(fields: dict[str, Any], keys: Any) -> None:
    """Check the fields of a client as a whole.

    Raises:
        Refusal: they make no client.
    """
    if "clientName" not in fields or not str(fields["clientName"]).strip():
        raise bad_request("clientName is missing or empty.")
    for name, longest in _TEXTS.items():
        value = fields.get(name, "")
        if not isinstance(value, str) or len(value) > longest:
            raise bad_request(f"{name} must be a text of at most {longest} characters.")
        if value and name.endswith("Uri") and not _is_web_address(value):
            raise bad_request(f"{name} must be an http or https address.")
    for name, most in _LISTS.items():
        _check_list(fields[name], name, most)
    _check_kind(fields)
    if "private_key_jwt" in fields["allowedAuthMethods"] and not keys:
        raise bad_request("publicKeys are needed with the authentication method private_key_jwt.")


def _check_list(value: Any, name: str, most: int) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise bad_request(f"{name} must be an array of texts.")
    if len(value) > most:
        raise bad_request(f"{name} may have at most {most} entries.")
    if len(set(value)) != len(value):
        raise bad_request(f"{name} has an entry twice.")
    allowed: dict[str, Any] = {"allowedGrantTypes": GRANT_TYPES, "allowedAuthMethods": AUTH_METHODS}
    if name in allowed and not set(value) <= set(allowed[name]):
        raise bad_request(f"{name} may have {', '.join(allowed[name])}.")
    if name == "allowedScopes" and not all(_SCOPE.fullmatch(one) for one in value):
        raise bad_request("allowedScopes has an entry that is no scope (RFC 6749 3.3).")
    if name == "allowedOrigins" and not all(_is_origin(one) for one in value):
        raise bad_request("allowedOrigins must be origins: a scheme, a host, perhaps a port, and nothing else.")
    if name == "redirectUris" and not all(_is_absolute(one) for one in value):
        raise bad_request("redirectUris must be absolute addresses without a fragment.")


def _check_kind(fields: dict[str, Any]) -> None:
    app_type, grants = fields["appType"], fields["allowedGrantTypes"]
    if app_type != "web" and grants:
        raise bad_request("allowedGrantTypes are for the appType web only.")
    if app_type != "web" and fields["allowedAuthMethods"]:
        raise bad_request("allowedAuthMethods are for the appType web only: another cannot keep a secret.")
    if fields["allowedOrigins"] and (app_type == "native" or (app_type == "web" and IMPERSONATION not in grants)):
        raise bad_request("allowedOrigins are for the appType spa, and for web with user impersonation.")


def _apply(operation: Any, changed: dict[str, Any], position: int, *, keys_form: str, replaces_absent: bool) -> None:
    if not isinstance(operation, dict):
        raise bad_request(f"Operation {position} is not a JSON object.")
    op, path = operation.get("op"), operation.get("path")
    if op not in ("add", "remove", "replace"):
        raise bad_request(f"Operation {position}: op must be add, remove or replace.")
    name = _PATCH_PATHS.get(path) if isinstance(path, str) else None
    if name is None:
        raise bad_request(
            f"Operation {position}: path must be one of {', '.join(_PATCH_PATHS)}; there is no path to an entry."
        )
    if name not in changed and not (op == "add" or (op == "replace" and replaces_absent)):
        raise bad_request(f"Operation {position}: {path} does not exist (RFC 6902 4.2, 4.3).")
    if op == "remove":
        if name in _LISTS or name == "publicKeys":
            changed[name] = []
        else:
            del changed[name]
        return
    if "value" not in operation:
        raise bad_request(f"Operation {position}: value is missing.")
    changed[name] = _keys_in(operation["value"], keys_form) if name == "publicKeys" else operation["value"]


def _keys_in(value: Any, form: str) -> Any:
    """Return the array of JWKs that a value stands for.

    Raises:
        Refusal: it is in another form.
    """
    if form == "objects":
        return value
    texts = value if form == "texts" else [value]
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        wanted = "an array of JWKs as JSON texts" if form == "texts" else "one JSON text of the array of JWKs"
        raise bad_request(f"The value of /publicKeys must be {wanted}.")
    try:
        documents = [strict_json(one.encode("utf-8", "surrogatepass")) for one in texts]
    except ValueError:
        documents = None
    if documents is None:
        raise bad_request("The value of /publicKeys is a text that is not JSON.")
    return documents if form == "texts" else documents[0]


def _is_web_address(text: str) -> bool:
    return _is_absolute(text) and text.startswith(("https://", "http://"))


def _is_absolute(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    web = parts.scheme in ("http", "https")
    return bool(parts.scheme) and not parts.fragment and text.isprintable() and (bool(parts.hostname) or not web)


def _is_origin(text: str) -> bool:
    if not _is_web_address(text):
        return False
    parts = urlsplit(text)
    return not parts.path and not parts.query and parts.username is None and text.isascii() and text == text.lower()
