"""What a request is the same as: for curl, for qlik-cli or Vault's own command, and in Python.

Credentials are shell variables here, never values. What qlik-cli can do is in qlik-cloud-contract, "qlik-cli".
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

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
    ("POST", re.compile(_SECRETS), "qlik oauth-client client-secret create {id}"),
    (
        "DELETE",
        re.compile(_SECRETS + "/(?P<hint>[^/]+)"),
        "qlik oauth-client client-secret rm {id} {hint}",
    ),
)
_VAULT_WORDS = {"GET": "read", "LIST": "list", "DELETE": "delete"}
_VAULT_CALLS = {"GET": "vault.read({path})", "LIST": "vault.list({path})", "DELETE": "vault.delete({path})"}


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
    path = urlsplit(request.address).path
    client_id = path.rsplit("/", 1)[-1]
    curl = [f'curl -X {request.method} "$QLIK_TENANT_URL"{shlex.quote(request.address)}']
    curl.append(f'-H "Authorization: Bearer ${bearer}"')
    headers = f'{{"Authorization": f"Bearer {{os.environ[\'{bearer}\']}}"'
    if request.method == "DELETE" and re.fullmatch(_CLIENT, path):
        curl.append(shlex.join(["-H", f"qlik-confirm-delete: {client_id}"]))
        headers += f', "qlik-confirm-delete": {client_id!r}'
    if request.body:
        curl.append("-H 'Content-Type: application/json' --data @body.json")
    json_argument = ',\n    json=json.loads(Path("body.json").read_text())' if request.body else ""
    python = (
        f"httpx.request(\n    {request.method!r}, os.environ['QLIK_TENANT_URL'] + {request.address!r},\n"
        f"    headers={headers}}}{json_argument}, follow_redirects=True,\n)"
    )
    return (("curl", " \\\n  ".join(curl)), ("qlik-cli", _qlik_cli(request)), ("Python", python))


def _qlik_cli(request: ShownRequest) -> str:
    parts = urlsplit(request.address)
    query = parse_qsl(parts.query)
    if not request.body:
        for method, pattern, words in _QLIK_CLI:
            found = pattern.fullmatch(parts.path)
            if method == request.method and found:
                flags = [f"--{name}={value}" for name, value in query]
                return shlex.join([*words.format(**found.groupdict()).split(), *flags])
    raw = ["qlik", "raw", request.method.lower(), parts.path.removeprefix("/api/")]
    raw += [part for name, value in query for part in ("--query", f"{name}={value}")]
    return shlex.join([*raw, *(["--body-file", "body.json"] if request.body else [])])


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
