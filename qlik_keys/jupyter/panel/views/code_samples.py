"""Code samples of a request: for curl, for qlik-cli or Vault's own command, and in Python.

Credentials are variables in them, never values. What qlik-cli can do is in qlik-cloud-contract, "qlik-cli". Each sample
runs unmodified: in a shell or a cell that begins with `%%bash`, and in Python in a cell or a script. A variable that
is missing or empty stops it (`${NAME:?}`, POSIX), as does a missing file, so nothing is ever sent with an empty token
or an empty body. No sample has `set -e`, which would close the terminal that it is pasted into.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from qlik_keys.tenant.resources.deleting import CONFIRMATION, deleted_client_id
from qlik_keys.tenant.url import TOKEN_PATH, escaped_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qlik_keys.jupyter.panel.model.shown import ShownRequest

    Sample = tuple[str, str]

_CLIENTS = r"/api/v1/oauth-clients"
_CLIENT = _CLIENTS + r"/(?P<id>[0-9A-Za-z_-]+)"
_SECRETS = _CLIENT + "/client-secrets"
# Method, path, and the command of qlik-cli that sends it; every other request goes by `qlik raw`.
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
# The flags of a command that stand for a field of the query; an empty value has none.
_QLIK_CLI_FLAGS = {"qlik oauth-client ls": frozenset({"filter", "limit", "sort", "totalResults"})}
_VERSIONED = re.compile(r"/api/(?=v\d+(/|$))")
_VAULT_WORDS = {"GET": "read", "LIST": "list", "DELETE": "delete"}
_VAULT_CALLS = {"GET": "vault.read({path})", "LIST": "vault.list({path})", "DELETE": "vault.delete({path})"}


_LONGEST_INLINE_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class _Body:
    """How a request's body is written in each sample.

    Attributes:
        curl: the arguments for curl.
        flags: the arguments for qlik-cli and `qlik-keys`.
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
_FIRST_PART = "run the first part first"


def samples_of_call(request: ShownRequest, *, login: Sequence[str], tenant_url: str) -> Sequence[Sample]:
    """Return samples that send a client's call. After the first, which gets the token, each runs unmodified.

    Args:
        request: the call.
        login: the client, as options of `qlik-keys token`: `--client`, and perhaps scopes and a user.
        tenant_url: the tenant.
    """
    body = _body_of(request)
    token = shlex.join(["qlik-keys", "token", *login])
    # Not in one command with `export`, which would hide that there is no token.
    first = (
        f'export QLIK_TENANT_URL={shlex.quote(tenant_url)}\nunset TOKEN; TOKEN="$({token} --stdout)" && export TOKEN'
    )
    raw = shlex.join(["qlik-keys", *_raw_words(request, body, is_ours=True), *_confirmation(request), *login])
    where = ", next to the file body.json" if request.body and body is _IN_FILE else ""
    return (
        (f"First, once in your shell{where}", first),
        ("curl", _curl(request, f"TOKEN:?{_FIRST_PART}", body)),
        ("qlik-keys", raw),
        ("qlik-cli", f"{token} --exec -- {_qlik_cli(request, body)}"),
        ("Python", _python_of_client(request, body, login, tenant_url)),
    )


def _body_of(request: ShownRequest) -> _Body:
    if not request.body or len(request.body) > _LONGEST_INLINE_CHARACTERS:
        return _IN_FILE
    try:
        return _inline(request.body)
    except ValueError:  # the body of a step is not always JSON
        return _IN_FILE


def _inline(text: str) -> _Body:
    document = json.loads(text)
    compact = json.dumps(document, ensure_ascii=False)
    if not _is_encodable(compact):
        compact = json.dumps(document)
    is_literal = document is not None and _is_encodable(json.dumps(document, ensure_ascii=False)) and _runs(document)
    python = f"json={document!r}" if is_literal else f"content={compact!r}"
    return _Body(curl=f"--data {shlex.quote(compact)}", flags=("--body", compact), python=python)


def _is_encodable(text: str) -> bool:
    """Return whether it has no half of a surrogate pair, which neither a terminal nor httpx's JSON accepts."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _runs(document: Any) -> bool:
    """Return whether Python can read its literal: it cannot if the document is nested too deep."""
    try:
        return bool(ast.literal_eval(repr(document)) == document)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False


def samples_of_request(request: ShownRequest, *, by_client: bool) -> Sequence[Sample]:
    """Return samples that send a request: the tool, and the code.

    Args:
        request: what was sent.
        by_client: the client itself sent it, with its token, and not the administrator.
    """
    if request.system == "vault":
        return _of_vault(request)
    if urlsplit(request.address).path == TOKEN_PATH:
        return _of_token()
    return _of_tenant(request, bearer="TOKEN" if by_client else "QLIK_API_KEY")


def _of_tenant(request: ShownRequest, *, bearer: str) -> Sequence[Sample]:
    body = _body_of(request)
    how = "qlik-keys token --stdout gives one" if bearer == "TOKEN" else "an API key of an administrator"
    imports = "import os\nfrom pathlib import Path\n" if request.body and body is _IN_FILE else "import os\n"
    url = f"os.environ['QLIK_TENANT_URL'] + {request.address!r}"
    headers = {"Authorization": f"f\"Bearer {{os.environ['{bearer}']}}\""}
    call = _request_in_python("httpx", request, body, url=url, headers=headers, follow=True)
    return (
        ("curl", _curl(request, f"{bearer}:?{how}", body)),
        ("qlik-cli", _qlik_cli(request, body)),
        ("Python", f"{imports}\nimport httpx\n\nanswer = {call}\nprint(answer.status_code, answer.text)"),
    )


def _curl(request: ShownRequest, bearer: str, body: _Body) -> str:
    first = "cat body.json >/dev/null && " if request.body and body is _IN_FILE else ""
    address = '"${QLIK_TENANT_URL:?the address of the tenant}"' + shlex.quote(request.address)
    words = [f"{first}curl -X {request.method} {address}", f'-H "Authorization: Bearer ${{{bearer}}}"']
    if request.method == "GET":
        words.append("--location")
    client_id = deleted_client(request)
    if client_id:
        words.append(shlex.join(["-H", f"{CONFIRMATION}: {client_id}"]))
    if request.body:
        words.append(f"-H 'Content-Type: application/json' {body.curl}")
    return " \\\n  ".join(words)


def _python_of_client(request: ShownRequest, body: _Body, login: Sequence[str], tenant_url: str) -> str:
    """Return a client's call for a script or a cell; it gets the token itself."""
    given: dict[str, list[str]] = {}
    for option, value in zip(login[::2], login[1::2], strict=True):
        given.setdefault(option, []).append(value)
    options = [f"tenant_url={tenant_url!r}", f"client_id={given.get('--client', [''])[0]!r}"]
    if "--scope" in given:
        options.append(f"scopes={given['--scope']!r}")
    for option, field in (("--as-user", "userId"), ("--as-subject", "subject")):
        if option in given:
            options.append(f"user=qk.UserLookup({field!r}, {given[option][0]!r})")
    path = "from pathlib import Path\n\n" if request.body and body is _IN_FILE else ""
    call = _request_in_python("api", request, body, url=repr(tenant_url + request.address), headers={}, follow=False)
    source = "".join(f"    {option},\n" for option in options)
    return (
        f"{path}import httpx\n\nimport qlik_keys as qk\n\n"
        f"source = qk.TokenSource.from_store(\n    qk.Settings.resolve().store(),\n{source})\n"
        "with httpx.Client(auth=qk.PrivateKeyJwtAuth(source), follow_redirects=True) as api:\n"
        f"    answer = {call.replace(chr(10), chr(10) + '    ')}\n"
        "print(answer.status_code, answer.text)"
    )


def _request_in_python(
    sender: str, request: ShownRequest, body: _Body, *, url: str, headers: Mapping[str, str], follow: bool
) -> str:
    """Return the call of httpx; `headers` has the code of each value."""
    client_id = deleted_client(request)
    sent = dict(headers) | ({CONFIRMATION: repr(client_id)} if client_id else {})
    if request.body and body.python.startswith("content="):
        sent["Content-Type"] = repr("application/json")
    arguments = [f"{request.method!r}, {url}"]
    if sent:
        arguments.append("headers={" + ", ".join(f'"{name}": {code}' for name, code in sent.items()) + "}")
    if request.body:
        arguments.append(body.python)
    if follow:
        arguments.append("follow_redirects=True")
    return f"{sender}.request(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"


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
    """Return the arguments of qlik-cli, or of `qlik-keys`, which accepts a query in the path too."""
    parts = urlsplit(request.address)
    # Both commands send a path without a version unmodified.
    path = _VERSIONED.sub("", parts.path, count=1)
    given = parse_qsl(parts.query, keep_blank_values=True)
    query = [f"{name}={escaped_value(value)}" for name, value in given]
    if is_ours and any(map(_is_split, query)):
        path, query = f"{path}?{parts.query}", []
    fields = [word for pair in query for word in ("--query", _quoted(pair) if _is_split(pair) else pair)]
    return ["raw", request.method.lower(), path, *fields, *(body.flags if request.body else ())]


def _is_split(pair: str) -> bool:
    """Return whether a command may read several pairs from it, because of its commas and quotes."""
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


def _of_token() -> Sequence[Sample]:
    curl = (
        'curl "${QLIK_TENANT_URL:?the address of the tenant}"/oauth/token -d grant_type=client_credentials \\\n'
        "  -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\\n"
        '  -d client_id="${CLIENT_ID:?the id of the client}" \\\n'
        '  -d client_assertion="${ASSERTION:?a JWT that the key of the client signs, once for each request}"'
    )
    python = (
        "import os\n\nimport qlik_keys as qk\n\nsettings = qk.Settings.resolve()\n"
        "source = qk.TokenSource.from_store(\n"
        '    settings.store(), tenant_url=settings.tenant_url, client_id=os.environ["CLIENT_ID"]\n)\n'
        "print(source.token().expires_at)"
    )
    return (
        ("curl", curl),
        ("qlik-cli", "# not possible: qlik-cli logs in with client secrets only"),
        ("Python", python),
    )


def _of_vault(request: ShownRequest) -> Sequence[Sample]:
    path = unquote(urlsplit(request.address).path).removeprefix("/v1/")
    writes = request.method not in _VAULT_WORDS
    first, document = ("cat document.json >/dev/null && ", " --data @document.json") if writes else ("", "")
    curl = (
        f'{first}curl -X {request.method} "${{VAULT_ADDR:?the address of the Vault}}"{shlex.quote(request.address)} '
        f'\\\n  -H "X-Vault-Token: ${{VAULT_TOKEN:?a token of the Vault}}"{document}'
    )
    words = ["vault", _VAULT_WORDS.get(request.method, "write"), path, *(["@document.json"] if writes else [])]
    call: Callable[..., str] = _VAULT_CALLS.get(request.method, "vault.write_data({path}, data=document)").format
    imports = "import json\nimport os\nfrom pathlib import Path\n" if writes else "import os\n"
    reading = 'document = json.loads(Path("document.json").read_text())\n' if writes else ""
    python = (
        f"{imports}\nimport hvac\n\n{reading}"
        'vault = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])\n'
        f"answer = {call(path=repr(path))}"  # not printed: a key may be in it
    )
    return (("curl", curl), ("vault or bao", first + shlex.join(words)), ("Python (hvac)", python))
