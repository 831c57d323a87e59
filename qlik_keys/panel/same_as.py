"""What a request is the same as: for curl, for qlik-cli or Vault's own command, and in Python.

Credentials are shell variables here, never values. What qlik-cli can do is in qlik-cloud-contract, "qlik-cli". A call
that a person made (`ways_of_call`) runs as it is copied; of a step's request the body is told beside it.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from qlik_keys.tenant.deleting import CONFIRMATION, deleted_client_id
from qlik_keys.tenant.url import escaped_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qlik_keys.panel.state import ShownRequest

    Way = tuple[str, str]

_CLIENTS = r"/api/v1/oauth-clients"
_CLIENT = _CLIENTS + r"/(?P<id>[0-9A-Za-z_-]+)"
_SECRETS = _CLIENT + "/client-secrets"
# Method, path, and the words of qlik-cli that send it; whatever else there is goes by `qlik raw`.
_QLIK_CLI: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("GET", re.compile(r"/api/v1/users/me"), "qlik user me"),
    ("GET", re.compile(_CLIENTS), "qlik oauth-client ls"),
    ("GET", re.compile(_CLIENT), "qlik oauth-client get {id}"),
    ("DELETE", re.compile(_CLIENT), "qlik oauth-client rm {id} --headers=QLIK-CONFIRM-DELETE={id}"),
    ("POST", re.compile(_CLIENT + "/actions/publish"), "qlik oauth-client publish {id}"),
    ("GET", re.compile(_CLIENT + "/connection-configs/me"), "qlik oauth-client connection-config ls {id}"),
    ("POST", re.compile(_SECRETS), "qlik oauth-client client-secret create --oauth-clientId {id}"),
    (
        "DELETE",
        re.compile(_SECRETS + "/(?P<hint>[^/]+)"),
        "qlik oauth-client client-secret rm {hint} --oauth-clientId {id}",
    ),
)
# Its flags that stand for a field of the query, by the words in front of them; empty values have none.
_QLIK_CLI_FLAGS = {"qlik oauth-client ls": frozenset({"filter", "limit", "sort", "totalResults"})}
_VERSIONED = re.compile(r"/api/(?=v\d+(/|$))")
_VAULT_WORDS = {"GET": "read", "LIST": "list", "DELETE": "delete"}
_VAULT_CALLS = {"GET": "vault.read({path})", "LIST": "vault.list({path})", "DELETE": "vault.delete({path})"}


_LONGEST_INLINE_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class _Body:
    """How a request's body is written in each of the ways.

    Attributes:
        curl: the words for curl.
        flags: the words for qlik-cli and for our own command.
        python: the argument for httpx.
    """

    curl: str
    flags: tuple[str, ...]
    python: str


_IN_FILE = _Body(
    curl="--data @body.json",
    flags=("--body-file", "body.json"),
    python='content=Path("body.json").read_bytes()',
)


def ways_of_call(request: ShownRequest, *, login: Sequence[str], tenant_url: str) -> Sequence[Way]:
    """Return ways to send a client's call by hand, each of which runs as it is, after the first: it gets the token.

    Args:
        request: the call.
        login: whose call it is, in the words of `qlik-keys token`: `--client`, and perhaps scopes and a user.
        tenant_url: the tenant.
    """
    is_long = len(request.body) > _LONGEST_INLINE_CHARACTERS
    body = _IN_FILE if is_long or not request.body else _inline(request.body)
    curl, python = _curl(request, "TOKEN", body), _python(request, "TOKEN", body)
    token = shlex.join(["qlik-keys", "token", *login])
    first = f'export QLIK_TENANT_URL={shlex.quote(tenant_url)}\nexport TOKEN="$({token} --stdout)"'
    imports = "import os\n\nimport httpx\n\n"
    if is_long:
        imports = "import os\nfrom pathlib import Path\n\nimport httpx\n\n"
    raw = shlex.join(["qlik-keys", *_raw_words(request, body, is_ours=True), *_confirmation(request), *login])
    return (
        ("Once, in your shell" + (", beside the file body.json" if is_long else ""), first),
        ("curl", curl),
        ("qlik-keys", raw),
        ("qlik-cli", f"{token} --exec -- {_qlik_cli(request, body)}"),
        ("Python", f"{imports}answer = {python}\nprint(answer.status_code, answer.text)"),
    )


def _inline(text: str) -> _Body:
    document = json.loads(text)
    compact = json.dumps(document, ensure_ascii=False)
    if not _is_encodable(compact):
        compact = json.dumps(document)
    is_literal = document is not None and _is_encodable(json.dumps(document, ensure_ascii=False)) and _runs(document)
    python = f"json={document!r}" if is_literal else f"content={compact!r}"
    return _Body(curl=f"--data {shlex.quote(compact)}", flags=("--body", compact), python=python)


def _is_encodable(text: str) -> bool:
    """Return whether no half of a surrogate pair is in it: neither a terminal nor httpx's own JSON takes one."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _runs(document: Any) -> bool:
    """Return whether Python reads its own literal of it: it does not read what is nested too deep."""
    try:
        return bool(ast.literal_eval(repr(document)) == document)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False


def same_as(request: ShownRequest, *, by_client: bool) -> Sequence[Way]:
    """Return ways to send a request by hand: what with, and the code.

    Args:
        request: what was sent.
        by_client: the client itself sent it, with its token, and not the administrator.
    """
    if request.system == "vault":
        return _of_vault(request)
    if urlsplit(request.address).path == "/oauth/token":
        return _of_token()
    return _of_tenant(request, bearer="TOKEN" if by_client else "QLIK_API_KEY")


def _of_tenant(request: ShownRequest, *, bearer: str) -> Sequence[Way]:
    return (
        ("curl", _curl(request, bearer, _IN_FILE)),
        ("qlik-cli", _qlik_cli(request, _IN_FILE)),
        ("Python", _python(request, bearer, _IN_FILE)),
    )


def _curl(request: ShownRequest, bearer: str, body: _Body) -> str:
    words = [f'curl -X {request.method} "$QLIK_TENANT_URL"{shlex.quote(request.address)}']
    words.append(f'-H "Authorization: Bearer ${bearer}"')
    if request.method == "GET":
        words.append("--location")
    client_id = deleted_client(request)
    if client_id:
        words.append(shlex.join(["-H", f"{CONFIRMATION}: {client_id}"]))
    if request.body:
        words.append(f"-H 'Content-Type: application/json' {body.curl}")
    return " \\\n  ".join(words)


def _python(request: ShownRequest, bearer: str, body: _Body) -> str:
    headers = f'{{"Authorization": f"Bearer {{os.environ[\'{bearer}\']}}"'
    client_id = deleted_client(request)
    if client_id:
        headers += f', "{CONFIRMATION}": {client_id!r}'
    argument = f",\n    {body.python}" if request.body else ""
    if argument and body.python.startswith("content="):
        headers += ', "Content-Type": "application/json"'
    return (
        f"httpx.request(\n    {request.method!r}, os.environ['QLIK_TENANT_URL'] + {request.address!r},\n"
        f"    headers={headers}}}{argument}, follow_redirects=True,\n)"
    )


def _qlik_cli(request: ShownRequest, body: _Body) -> str:
    parts = urlsplit(request.address)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not request.body:
        for method, pattern, words in _QLIK_CLI:
            found = pattern.fullmatch(parts.path)
            if method == request.method and found and _are_flags(query, _QLIK_CLI_FLAGS.get(words, frozenset())):
                given = {name: unquote(value) for name, value in found.groupdict().items()}
                flags = [f"--{name}={value}" for name, value in query]
                return shlex.join([*(word.format(**given) for word in words.split()), *flags])
    return shlex.join(["qlik", *_raw_words(request, body)])


def _are_flags(query: Sequence[tuple[str, str]], flags: frozenset[str]) -> bool:
    names = [name for name, _ in query]
    return flags.issuperset(names) and len({*names}) == len(names) and all(value for _, value in query)


def _raw_words(request: ShownRequest, body: _Body, *, is_ours: bool = False) -> list[str]:
    """Return the words after the program: qlik-cli's, or our own command's, which takes a query in the path as well."""
    parts = urlsplit(request.address)
    # Without a version both commands send a path as it is.
    path = _VERSIONED.sub("", parts.path, count=1)
    given = parse_qsl(parts.query, keep_blank_values=True)
    query = [f"{name}={escaped_value(value)}" for name, value in given]
    if is_ours and any(map(_is_split, query)):
        path, query = f"{path}?{parts.query}", []
    fields = [word for pair in query for word in ("--query", _quoted(pair) if _is_split(pair) else pair)]
    return ["raw", request.method.lower(), path, *fields, *(body.flags if request.body else ())]


def _is_split(pair: str) -> bool:
    """Return whether a command may read several pairs in it, at its commas and around its quotes."""
    return pair.count("=") > 1 and any(letter in pair for letter in ",\"'")


def _quoted(pair: str) -> str:
    """Return a pair as a line of CSV (RFC 4180), which qlik-cli's flags are."""
    return '"{}"'.format(pair.replace('"', '""'))


def _confirmation(request: ShownRequest) -> list[str]:
    client_id = deleted_client(request)
    return ["--headers", f"{CONFIRMATION}={client_id}"] if client_id else []


def deleted_client(request: ShownRequest) -> str:
    """Return the id of the client that the request deletes, which a header must repeat; "" for any other request."""
    return deleted_client_id(request.method, urlsplit(request.address).path)


def _of_token() -> Sequence[Way]:
    curl = (
        'curl "$QLIK_TENANT_URL"/oauth/token -d grant_type=client_credentials \\\n'
        "  -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\\n"
        '  -d client_id="$CLIENT_ID" -d client_assertion="$ASSERTION"'
    )
    python = (
        'source = qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=os.environ["CLIENT_ID"])\n'
        "source.token().expires_at"
    )
    return (("curl", curl), ("qlik-cli", "# cannot: it knows client secrets only"), ("Python", python))


def _of_vault(request: ShownRequest) -> Sequence[Way]:
    path = unquote(urlsplit(request.address).path).removeprefix("/v1/")
    writes = request.method not in _VAULT_WORDS
    document = " --data @document.json" if writes else ""
    curl = (
        f'curl -X {request.method} "$VAULT_ADDR"{shlex.quote(request.address)} \\\n'
        f'  -H "X-Vault-Token: $VAULT_TOKEN"{document}'
    )
    words = ["vault", _VAULT_WORDS.get(request.method, "write"), path, *(["@document.json"] if writes else [])]
    call: Callable[..., str] = _VAULT_CALLS.get(request.method, "vault.write_data({path}, data=document)").format
    return (("curl", curl), ("vault or bao", shlex.join(words)), ("Python (hvac)", call(path=repr(path))))
