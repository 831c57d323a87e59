"""Each variable of the environment that has to do with this package, and what becomes of it.

`docs/environment.md` shows this table; a test holds the two, and the code, together. What is read where is in
`settings`, `vault_environment`, `tls`, `proxies` and `contexts`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from qlik_keys.config.vault_environment import ASIDE, REFUSED
from qlik_keys.keystore import defaults
from qlik_keys.tenant.http.versions import API_VERSION
from qlik_keys.tenant.http.versions import VARIABLE as VERSION_VARIABLE


class Variable(NamedTuple):
    """One variable.

    Attributes:
        name: its name; for a VAULT_ name the BAO_ name is the same, and counts first.
        treatment: "supported"; "refused" if a Vault is called; "ignored", with a note on standard error.
        why: what it says, or why it is not supported.
    """

    name: str
    treatment: Literal["supported", "refused", "ignored"]
    why: str


VARIABLES = (
    Variable("QLIK_TENANT_URL", "supported", "the tenant, `https://acme.eu.qlikcloud.com`"),
    Variable("QLIK_API_KEY", "supported", "an API key; sent only to the tenant of QLIK_TENANT_URL"),
    Variable("QLIK_CLIENT_ID", "supported", "instead of the API key: an OAuth client, with QLIK_CLIENT_SECRET"),
    Variable("QLIK_CLIENT_SECRET", "supported", "that client's secret"),
    Variable("QLIK_API_KEY_FILE", "supported", "a file with the API key"),
    Variable("QLIK_CLIENT_SECRET_FILE", "supported", "a file with the client secret"),
    Variable(
        "QLIK_KEYS_LOGIN_CLIENT",
        "supported",
        "instead of both: a client (id or name) whose private key is in the Vault; no other secret is needed",
    ),
    Variable("QLIK_CLI_USER_HOME_DIR", "supported", "where qlik-cli keeps its contexts: a folder, or the file"),
    Variable(
        VERSION_VARIABLE,
        "supported",
        f"the version of the Qlik Cloud API that calls ask for, `{API_VERSION}` by default",
    ),
    Variable("QLIK_KEYS_MOUNT", "supported", f"the KV version 2 mount; `{defaults.MOUNT}` by default"),
    Variable("QLIK_KEYS_PREFIX", "supported", f"the folder in that mount; `{defaults.PREFIX}` by default"),
    Variable("QLIK_KEYS_CUSTODY", "supported", "`kv` or `transit`: the custody of new keys"),
    Variable(
        "QLIK_KEYS_FLEET",
        "supported",
        "the fleet file of `plan`, `apply` and `export`, `qlik-keys.yaml` by default; others use it as `--fleet`",
    ),
    Variable("QLIK_KEYS_HOOKS", "supported", "a YAML file of hooks, for commands and the panel without `--hooks`"),
    Variable("QLIK_KEYS_TENANT_CERT", "supported", "a client certificate, if a gateway before the tenant requires one"),
    Variable("QLIK_KEYS_TENANT_KEY", "supported", "its private key, if it is not in the same file"),
    Variable(
        "QLIK_KEYS_VAULT_AUTH",
        "supported",
        "how to log in to the Vault: `token` by default, `approle`, `kubernetes`, `jwt`, `github-actions`, `userpass`",
    ),
    Variable(
        "QLIK_KEYS_VAULT_AUTH_MOUNT", "supported", "where that auth method is mounted; by default under its own name"
    ),
    Variable(
        "QLIK_KEYS_VAULT_AUTH_AUDIENCE",
        "supported",
        "for `github-actions`: the audience to ask for; by default the address of the Vault",
    ),
    Variable(
        "QLIK_KEYS_NOTIFY",
        "supported",
        "where `qlik-keys notify` sends findings: URLs of apprise, separated by blanks; each is a secret",
    ),
    Variable("SSL_CERT_FILE", "supported", "a file with the certificate authorities to trust for tenant and Vault"),
    Variable("SSL_CERT_DIR", "supported", "folders with them, separated as in PATH; with or without `openssl rehash`"),
    Variable("REQUESTS_CA_BUNDLE", "supported", "the same as SSL_CERT_FILE, a file or a folder, if neither is set"),
    Variable("CURL_CA_BUNDLE", "supported", "the same, if none of these is set"),
    Variable(
        "HTTPS_PROXY",
        "supported",
        "the proxy to tenant and Vault, `http://user:password@host:port`; the name in lower case takes precedence",
    ),
    Variable("ALL_PROXY", "supported", "the same, if HTTPS_PROXY is not set"),
    Variable("NO_PROXY", "supported", "hosts, domains and networks that are called without a proxy, or `*`"),
    Variable("VAULT_ADDR", "supported", "the Vault, `https://vault.acme.example:8200`"),
    Variable(
        "VAULT_AGENT_ADDR",
        "supported",
        "an agent's address, instead of VAULT_ADDR; a token is still needed, and `unix://` is refused",
    ),
    Variable("VAULT_TOKEN", "supported", "a token; without it the file of `vault login` is read, `~/.vault-token`"),
    Variable("VAULT_TOKEN_PATH", "supported", "another file instead of `~/.vault-token`"),
    Variable("VAULT_NAMESPACE", "supported", "the namespace"),
    Variable(
        "VAULT_CACERT",
        "supported",
        "a file with the certificate authority of the Vault; no other authority is trusted for it",
    ),
    Variable("VAULT_CACERT_BYTES", "supported", "the authority itself in PEM, before VAULT_CACERT"),
    Variable("VAULT_CAPATH", "supported", "a folder with it, if neither of these is set"),
    Variable("VAULT_CLIENT_CERT", "supported", "a client certificate, if the Vault requires one"),
    Variable("VAULT_CLIENT_KEY", "supported", "its private key, if it is not in the same file"),
    Variable("VAULT_TLS_SERVER_NAME", "supported", "the name that the Vault's certificate must have"),
    Variable("VAULT_PROXY_ADDR", "supported", "the proxy to the Vault, whatever HTTPS_PROXY and NO_PROXY say"),
    Variable("VAULT_HTTP_PROXY", "supported", "the same, if VAULT_PROXY_ADDR is not set"),
    Variable("VAULT_CLIENT_TIMEOUT", "supported", "how long to wait for an answer: seconds, or `1m30s`"),
    Variable("VAULT_ROLE_ID", "supported", "for `approle`"),
    Variable("VAULT_SECRET_ID", "supported", "for `approle`; not needed if the role has none"),
    Variable("VAULT_SECRET_ID_FILE", "supported", "a file with it"),
    Variable("VAULT_ROLE", "supported", "for `kubernetes`, `jwt` and `github-actions`: the role"),
    Variable("VAULT_JWT", "supported", "for `jwt` and `kubernetes`: the token to log in with"),
    Variable("VAULT_JWT_FILE", "supported", "a file with it, read at each login; `kubernetes` has the pod's own"),
    Variable("VAULT_USERNAME", "supported", "for `userpass`"),
    Variable("VAULT_PASSWORD", "supported", "for `userpass`"),
    Variable("VAULT_PASSWORD_FILE", "supported", "a file with it"),
    Variable("ACTIONS_ID_TOKEN_REQUEST_URL", "supported", "for `github-actions`: set by GitHub, asked at each login"),
    Variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "supported", "for `github-actions`: set by GitHub, sent there alone"),
    *(Variable(name, "refused", why) for name, (why, _) in REFUSED.items()),
    *(Variable(name, "ignored", why) for name, why in ASIDE.items()),
)


def as_markdown() -> str:
    """Return the table as it stands in docs/environment.md."""
    rows = (f"| `{each.name}` | {each.treatment} | {each.why} |" for each in VARIABLES)
    return "\n".join(["| variable | treatment | meaning, or the reason |", "|---|---|---|", *rows])
