"""The error for an answer that the API contract does not allow; it needs neither httpx nor pydantic."""

from __future__ import annotations

from qlik_keys.errors import Outcome, TenantProtocolError
from qlik_keys.tenant.http.known_refusals import WEB_PAGE

_MOST_LETTERS = 200


def unexpected_answer(method: str, path: str, wrong: str, *, is_page: bool = False) -> TenantProtocolError:
    """Return the error for such an answer.

    Args:
        method: HTTP method of the request.
        path: path of the request.
        wrong: the members that are wrong, by their names; no value of the answer.
        is_page: whether the body is a web page.
    """
    return TenantProtocolError(
        f"The tenant answered {method} {path} with a web page instead of JSON."
        if is_page
        else f"The tenant answered {method} {path} with something that the API contract does not allow "
        f"({wrong[:_MOST_LETTERS]}).",
        hint=WEB_PAGE.hint
        if is_page
        else "Check that the tenant URL is a Qlik Cloud tenant and that no proxy answers instead of it.",
        outcome=Outcome.NOT_APPLIED if method == "GET" else Outcome.UNKNOWN,
        method=method,
        path=path,
    )
