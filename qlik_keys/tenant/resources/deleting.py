"""Which calls delete a client: they want its id again (qlik-cloud-contract, "/api/v1/oauth-clients")."""

from __future__ import annotations

import re
from urllib.parse import unquote

CONFIRMATION = "qlik-confirm-delete"
_CLIENT_PATH = re.compile(r"/+api/+v1/+oauth-clients/+(?P<id>[^/]+)/*", re.IGNORECASE)


def deleted_client_id(method: str, path: str) -> str:
    """Return the id of the client that a call deletes, "" for any other call.

    Args:
        method: HTTP method, in any case.
        path: without the query, in any spelling: encoded, with slashes too many, in capitals.
    """
    found = _CLIENT_PATH.fullmatch(unquote(path)) if method.upper() == "DELETE" else None
    return found["id"] if found else ""
