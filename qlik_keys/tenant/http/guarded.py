"""Secrets inside an answer: found by the names of their fields, before anyone shows or logs it.

A few calls answer with a secret, once: a new client's `clientSecret`, an API key, a token. Who sends any call cannot
know which, so every answer is looked through by name, or rather by how names end: an API that is made tomorrow will
have its `executionToken` too. A secret under another name is not found: no text is read here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qlik_keys.core.redaction import REDACTED
from qlik_keys.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    Replace = Callable[[str, str], object]

# As a name ends, without - and _, in lower case: accessToken, webhook_secret, X-API-Key, private_key_pem.
_ENDINGS = (
    "token",
    "tokens",
    "secret",
    "secrets",
    "secretkey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "apikey",
    "apikeys",
    "privatekey",
    "privatekeys",
    "privatekeypem",
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "authorization",
    "assertion",
    "credential",
    "credentials",
)
# Where a listing goes on, which is in its links as well.
_NO_SECRETS = ("pagetoken", "continuationtoken", "nexttoken", "prevtoken")
_PRIVATE_JWK_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})  # RFC 7518 6.2.2, 6.3.2, 6.4.1
_DEEPEST = 100  # levels; a malicious answer must not end in a RecursionError
_SHORTEST = 8  # what is shorter protects nothing, and is a word rather than a secret


def guarded_document(document: Any) -> Any:
    """Return a JSON-ready document with every secret text in it as a `Secret`; what was passed in stays as it is.

    Args:
        document: what `json.loads` returns.

    Example:
        >>> guarded_document({"clientId": "a1b2", "clientSecret": "s3cret-s3cret"})
        {'clientId': 'a1b2', 'clientSecret': <clientSecret>}
    """
    return _replaced(document, lambda name, text: Secret(text, what=name, any_text=True))


def redacted_document(document: Any) -> Any:
    """Return a JSON-ready document with every secret text in it redacted, to be shown.

    Args:
        document: what `json.loads` returns.

    Example:
        >>> redacted_document({"clientId": "a1b2", "clientSecret": "s3cret-s3cret"})
        {'clientId': 'a1b2', 'clientSecret': '•••'}
    """
    return _replaced(document, lambda _name, _text: REDACTED)


def has_secret(content: bytes) -> bool:
    """Whether an answer's body is JSON with a secret text in it, or nests too deep for anyone to know."""
    try:
        document = json.loads(content)
    except ValueError:
        return False
    except RecursionError:
        return True
    shows_less: bool = redacted_document(document) != document
    return shows_less


def _replaced(document: Any, replace: Replace, depth: int = 0) -> Any:
    """Return the document with its secrets replaced; what nests too deep to be looked through is one."""
    if depth > _DEEPEST and isinstance(document, list | dict):
        return replace("too deep", _text_of(document))
    if isinstance(document, list):
        return [_replaced(each, replace, depth + 1) for each in document]
    if not isinstance(document, dict):
        return document
    is_jwk = "kty" in document
    return {
        name: _value(name, value, replace, depth + 1)
        if _is_secret(name) or (is_jwk and name in _PRIVATE_JWK_MEMBERS)
        else _replaced(value, replace, depth + 1)
        for name, value in document.items()
    }


def _value(name: str, value: Any, replace: Replace, depth: int) -> Any:
    """Return what stands under a secret's name: a text or a list of texts is one, anything else is looked through."""
    if isinstance(value, str):
        return replace(name, value) if len(value) >= _SHORTEST else value
    if isinstance(value, list) and depth <= _DEEPEST:
        return [_value(name, each, replace, depth + 1) for each in value]
    return _replaced(value, replace, depth)


def _text_of(document: Any) -> str:
    try:
        return json.dumps(document)
    except RecursionError:
        return "is nested too deeply for JSON"


def _is_secret(name: str) -> bool:
    folded = name.replace("_", "").replace("-", "").lower()
    return folded.endswith(_ENDINGS) and not folded.endswith(_NO_SECRETS)
