"""Each variable of the environment that has to do with this package, and what becomes of it.

`docs/environment.md` shows this table; a test holds the two, and the code, together. What is read where is in
`settings`, `vault_environment`, `tls`, `proxies` and `contexts`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from qlik_keys.config.vault_environment import ASIDE, REFUSED


class Variable(NamedTuple):
    """One variable.

    Attributes:
        name: its name; for a VAULT_ name the BAO_ name is the same, and counts first.
        treatment: "obeyed"; "refused" where a Vault is to be called; "set aside", which is told on standard error.
        why: what it says, or why it is not obeyed.
    """

    name: str
    treatment: Literal["obeyed", "refused", "set aside"]
    why: str


VARIABLES = (
    Variable("QLIK_TENANT_URL", "obeyed", "the tenant, `https://acme.eu.qlikcloud.com`"),
    Variable("QLIK_API_KEY", "obeyed", "an API key; goes to the tenant of QLIK_TENANT_URL alone"),
    Variable("QLIK_CLIENT_ID", "obeyed", "instead of the API key: an OAuth client, with QLIK_CLIENT_SECRET"),
    Variable("QLIK_CLIENT_SECRET", "obeyed", "that client's secret"),
    Variable("QLIK_CLI_USER_HOME_DIR", "obeyed", "where qlik-cli keeps its contexts: a folder, or the file"),
    Variable("QLIK_KEYS_MOUNT", "obeyed", "the KV version 2 mount, `secret` without it"),
    Variable("QLIK_KEYS_PREFIX", "obeyed", "the folder in it, `qlik-keys` without it"),
    Variable("QLIK_KEYS_CUSTODY", "obeyed", "`kv` or `transit`: who holds the keys that are made from now on"),
    Variable("QLIK_KEYS_TENANT_CERT", "obeyed", "a client certificate, where a gateway before the tenant wants one"),
    Variable("QLIK_KEYS_TENANT_KEY", "obeyed", "its private key, where it is not in the same file"),
    Variable(
        "QLIK_KEYS_VAULT_AUTH",
        "obeyed",
        "how to log in to the Vault: `token` (the default), `approle`, `kubernetes`, `jwt`, `userpass`",
    ),
    Variable("QLIK_KEYS_VAULT_AUTH_MOUNT", "obeyed", "where that auth method is mounted, its own name without it"),
    Variable("SSL_CERT_FILE", "obeyed", "a file with the authorities that tenant and Vault are trusted by"),
    Variable("SSL_CERT_DIR", "obeyed", "folders with them, separated as in PATH; with or without `openssl rehash`"),
    Variable("REQUESTS_CA_BUNDLE", "obeyed", "the same as SSL_CERT_FILE, a file or a folder, where neither is set"),
    Variable("CURL_CA_BUNDLE", "obeyed", "the same, where none of these is set"),
    Variable(
        "HTTPS_PROXY",
        "obeyed",
        "the proxy to tenant and Vault, `http://user:password@host:port`; in small letters it counts first",
    ),
    Variable("ALL_PROXY", "obeyed", "the same, where HTTPS_PROXY is not set"),
    Variable("NO_PROXY", "obeyed", "hosts, domains and networks that are called without a proxy, or `*`"),
    Variable("VAULT_ADDR", "obeyed", "the Vault, `https://vault.acme.example:8200`"),
    Variable(
        "VAULT_AGENT_ADDR",
        "obeyed",
        "an agent's address, in the place of VAULT_ADDR; a token is needed all the same, and `unix://` is refused",
    ),
    Variable("VAULT_TOKEN", "obeyed", "a token; without it the file of `vault login` is read, `~/.vault-token`"),
    Variable("VAULT_TOKEN_PATH", "obeyed", "another file in the place of `~/.vault-token`"),
    Variable("VAULT_NAMESPACE", "obeyed", "the namespace"),
    Variable("VAULT_CACERT", "obeyed", "a file with the Vault's authority, and the only one that it is trusted by"),
    Variable("VAULT_CACERT_BYTES", "obeyed", "the authority itself in PEM, before VAULT_CACERT"),
    Variable("VAULT_CAPATH", "obeyed", "a folder with it, where neither of these is set"),
    Variable("VAULT_CLIENT_CERT", "obeyed", "a client certificate, where the Vault wants one"),
    Variable("VAULT_CLIENT_KEY", "obeyed", "its private key, where it is not in the same file"),
    Variable("VAULT_TLS_SERVER_NAME", "obeyed", "the name that the Vault's certificate must have"),
    Variable("VAULT_PROXY_ADDR", "obeyed", "the proxy to the Vault, whatever HTTPS_PROXY and NO_PROXY say"),
    Variable("VAULT_HTTP_PROXY", "obeyed", "the same, where VAULT_PROXY_ADDR is not set"),
    Variable("VAULT_CLIENT_TIMEOUT", "obeyed", "how long to wait for an answer: seconds, or `1m30s`"),
    Variable("VAULT_ROLE_ID", "obeyed", "for `approle`"),
    Variable("VAULT_SECRET_ID", "obeyed", "for `approle`; none where the role has none"),
    Variable("VAULT_SECRET_ID_FILE", "obeyed", "a file with it"),
    Variable("VAULT_ROLE", "obeyed", "for `kubernetes` and `jwt`: the role"),
    Variable("VAULT_JWT", "obeyed", "for `jwt` and `kubernetes`: the token to log in with"),
    Variable("VAULT_JWT_FILE", "obeyed", "a file with it, read at each login; `kubernetes` has the pod's own"),
    Variable("VAULT_USERNAME", "obeyed", "for `userpass`"),
    Variable("VAULT_PASSWORD", "obeyed", "for `userpass`"),
    Variable("VAULT_PASSWORD_FILE", "obeyed", "a file with it"),
    *(Variable(name, "refused", why) for name, (why, _) in REFUSED.items()),
    *(Variable(name, "set aside", why) for name, why in ASIDE.items()),
)


def as_markdown() -> str:
    """Return the table as it stands in docs/environment.md."""
    rows = (f"| `{each.name}` | {each.treatment} | {each.why} |" for each in VARIABLES)
    return "\n".join(["| variable | what becomes of it | what it says, or why not |", "|---|---|---|", *rows])
