"""What goes in and out of the simulator: requests, answers, refusals, and JSON read strictly.

No socket, no clock and no state here. The error bodies are those of qlik-cloud-contract ("POST /oauth/token" and
"/api/v1/oauth-clients") and of RFC 6749 5.2.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qsl

SANDBOX_HEADER = ("x-qlik-keys-sandbox", "true")
MAXIMUM_BODY_BYTES = 256 * 1024
ErrorStyle = Literal["qlik", "rfc6749", "text"]

_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAXIMUM_PARAMETERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request.

    Attributes:
        method: in upper case.
        path: unmodified, percent escapes and all, without the query.
        query: what follows the question mark, undecoded.
        headers: names in lower case, in the order in which they came.
        body: the body, whole.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """Return a header's value, "" when it is missing.

        Raises:
            Refusal: the header is there twice.
        """
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise bad_request(f"The header {name} is there more than once.")
        return values[0].strip() if values else ""

    @property
    def addressed_host(self) -> str:
        """The host that the request is addressed to, with the port where it names one; "" where it names none."""
        return next((value.strip().lower() for key, value in self.headers if key == "host"), "")

    @property
    def media_type(self) -> str:
        """The body's media type in lower case, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer.

    Attributes:
        status: HTTP status.
        headers: names in lower case.
        body: the body, whole.
        cut: the connection ends without this answer; it is what the door must not deliver.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    cut: bool = False


class Refusal(Exception):
    """A request is refused.

    No text of it quotes the request: what is refused may be a secret.

    Attributes:
        status: HTTP status.
        code: Qlik's `code`, or RFC 6749's `error` on /oauth/*.
        title: short words.
        detail: more words, or "".
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, title: str, detail: str = "", *, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.headers = headers

    def response(self, *, style: ErrorStyle, trace_id: str) -> Response:
        """Return the answer in one of the three styles that a client must understand."""
        if style == "text":
            body = f"<html><body><h1>{self.status} {HTTPStatus(self.status).phrase}</h1></body></html>".encode()
            return Response(status=self.status, headers=(("content-type", "text/html"), *self.headers), body=body)
        if style == "rfc6749":
            description = f"{self.title}. {self.detail}" if self.detail else self.title
            return json_response(self.status, {"error": self.code, "error_description": description}, self.headers)
        error = {"code": self.code, "title": self.title}
        if self.detail:
            error["detail"] = self.detail
        return json_response(self.status, {"errors": [error], "traceId": trace_id}, self.headers)


def bad_request(detail: str, *, title: str = "Invalid request") -> Refusal:
    """Return the refusal of a request that is wrong in itself."""
    return Refusal(400, "HTTP-400", title, detail)


def not_found() -> Refusal:
    """Return the refusal of an address behind which there is nothing."""
    return Refusal(404, "HTTP-404", "Not found")


def json_response(status: int, document: object, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return an answer with a JSON body."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(status=status, headers=(("content-type", "application/json"), *headers), body=body)


def strict_json(data: bytes) -> Any:
    """Return what the JSON text says, and refuse what libraries disagree about.

    Refused: duplicate names (RFC 8259 4, RFC 7519 4), NaN and infinities, other encodings than UTF-8, a byte order
    mark, lone surrogates, nesting that exhausts the stack, integers of thousands of digits.

    Raises:
        ValueError: it is not JSON, or not strict. The text is not quoted.
    """
    problem = ""
    document: Any = None
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        problem = "not strict JSON"
    if problem:
        raise ValueError(problem)
    return document


def json_body(request: Request) -> Any:
    """Return the JSON document of a request's body.

    Raises:
        Refusal: another media type (415), or no strict JSON (400).
    """
    if request.media_type != "application/json":
        raise Refusal(415, "HTTP-415", "Unsupported media type", "Send the body as application/json.")
    return _body_document(request)


def parameters(request: Request) -> dict[str, Any]:
    """Return the parameters of an /oauth/* request, sent as a form or as JSON.

    A parameter without a value counts as left out, and none may be repeated (RFC 6749 3.2).

    Raises:
        Refusal: another media type (415), a malformed body, a repeated parameter (400).
    """
    if request.query:
        raise Refusal(400, "invalid_request", "Invalid request", "Parameters belong in the body, not in the address.")
    if request.media_type == "application/json":
        document = _body_document(request)
        if not isinstance(document, dict):
            raise Refusal(400, "invalid_request", "Invalid request", "The body is not a JSON object.")
        return {name: value for name, value in document.items() if value not in ("", None)}
    if request.media_type != "application/x-www-form-urlencoded":
        raise Refusal(
            415,
            "invalid_request",
            "Unsupported media type",
            "Send the body as application/x-www-form-urlencoded or as application/json.",
        )
    try:
        pairs = _decode_pairs(request.body.decode("ascii"))
    except ValueError:
        pairs = None
    if pairs is None:
        raise Refusal(400, "invalid_request", "Invalid request", "The body is not a well-formed form.")
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refusal(400, "invalid_request", "Invalid request", "A parameter is there more than once.")
    return {name: value for name, value in pairs if value}


def query_parameters(request: Request) -> dict[str, str]:
    """Return the parameters of the address.

    Raises:
        Refusal: they are malformed, or one is repeated.
    """
    try:
        pairs = _decode_pairs(request.query)
    except ValueError:
        pairs = None
    if pairs is None:
        raise bad_request("The query is malformed.")
    if len({name for name, _ in pairs}) != len(pairs):
        raise bad_request("A query parameter is there more than once.")
    return dict(pairs)


def _body_document(request: Request) -> Any:
    try:
        return strict_json(request.body)
    except ValueError:
        pass
    code = "invalid_request" if request.path.startswith("/oauth/") else "HTTP-400"
    raise Refusal(400, code, "Invalid request", "The body is not well-formed JSON.")


def _decode_pairs(text: str) -> list[tuple[str, str]]:
    if _PERCENT.search(text):
        raise ValueError("a percent sign that escapes nothing")
    return parse_qsl(
        text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MAXIMUM_PARAMETERS
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name is there twice")
    return document


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("no JSON number")
