"""The forms in which a tenant may take a list of public keys (qlik-cloud-contract, "Not published")."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence

KeysForm = Literal["objects", "texts", "text"]
KEYS_FORMS: tuple[KeysForm, ...] = get_args(KeysForm)


def encoded_keys(keys: Sequence[Any], form: KeysForm) -> Any:
    """Return public keys in the form in which a tenant takes them.

    Args:
        keys: JSON-ready JWKs.
        form: "objects" (an array of JWKs), "texts" (an array of JWKs as JSON texts) or "text" (one JSON text of the
            array).
    """
    if form == "objects":
        return [*keys]
    if form == "texts":
        return [json.dumps(key, separators=(",", ":")) for key in keys]
    return json.dumps([*keys], separators=(",", ":"))
