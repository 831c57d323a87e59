"""What the environment says of the Vault: Vault's own variables, OpenBao's, and those of the logins.

Each variable of Vault's client is supported, or refused by name with the reason, or ignored with a note
(`environment.VARIABLES`, docs/environment.md). A name with BAO_ counts before the same one with VAULT_, also where it
is empty, as OpenBao's own client has it.

Nothing is refused before a Vault is called: a command that only talks to the tenant is not stopped by these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlik_keys.core.arguments import MAXIMUM_TIMEOUT_SECONDS
from qlik_keys.core.origins import same_origin
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.keystore.vault.http.login import Login

METHOD, METHOD_MOUNT = "QLIK_KEYS_VAULT_AUTH", "QLIK_KEYS_VAULT_AUTH_MOUNT"
AUDIENCE = "QLIK_KEYS_VAULT_AUTH_AUDIENCE"
METHODS = ("token", "approle", "kubernetes", "jwt", "github-actions", "userpass")
# GitHub sets these in a job that may ask for its own identity token (permission `id-token: write`).
ACTIONS_URL, ACTIONS_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
# Secrets and what they belong to: a program that is started with a token of its own is given none of these.
LOGIN_VARIABLES = (
    *("VAULT_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_SECRET_ID_FILE", "VAULT_ROLE", "VAULT_JWT"),
    *("VAULT_JWT_FILE", "VAULT_USERNAME", "VAULT_PASSWORD", "VAULT_PASSWORD_FILE", "VAULT_TOKEN_PATH"),
    *(ACTIONS_URL, ACTIONS_TOKEN),
)
# Variables with other names that references say hold a secret, as far as this process has met them: as above.
NAMED_VARIABLES: set[str] = set()
_SECRET_NAMES = (
    "VAULT_TOKEN",
    "VAULT_SECRET_ID",
    "VAULT_JWT",
    "VAULT_PASSWORD",
    "VAULT_PROXY_ADDR",
    "VAULT_HTTP_PROXY",
    ACTIONS_TOKEN,
)
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_MOST_BYTES = 65_536
ASIDE = {
    "VAULT_MAX_RETRIES": "calls are repeated only if repeating them has no second effect",
    "VAULT_RATE_LIMIT": "calls to the Vault are not counted here; the Vault's own quotas apply",
    "VAULT_DISABLE_REDIRECTS": "redirects are followed only within the same server",
}
REFUSED = {
    "VAULT_SKIP_VERIFY": (
        "certificates are always verified, since private keys are sent to the server that answers",
        "Unset it, and set VAULT_CACERT to the certificate of the Vault's certificate authority.",
    ),
    "VAULT_SRV_LOOKUP": (
        "DNS would decide where private keys are sent",
        "Unset it, and set VAULT_ADDR to the server's own address.",
    ),
    "VAULT_WRAP_TTL": (
        "each response would be wrapped in a token, and no key could be read",
        "Unset it for this program.",
    ),
    "VAULT_MFA": (
        "the legacy MFA of Vault Enterprise is not supported",
        "Unset it, and log in by a method that needs no MFA, such as approle.",
    ),
    "VAULT_HEADERS": (
        "extra headers for a proxy or a gateway are not supported",
        "Unset it for this program.",
    ),
}
_SWITCHES = ("VAULT_SKIP_VERIFY", "VAULT_SRV_LOOKUP")


def spellings(name: str) -> tuple[str, ...]:
    """Return the names under which a variable is looked for, the one that counts first."""
    return (f"BAO_{name.removeprefix('VAULT_')}", name) if name.startswith("VAULT_") else (name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultEnvironment:
    """What was found, each value with the variable that it came from.

    Attributes:
        texts: by Vault's name, the variable's own name and its value.
        secrets: the same for secrets; the variable's name is the secret's `what`.
        notices: in words, what was ignored.
    """

    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    notices: tuple[str, ...] = ()

    def named(self, name: str) -> tuple[str, str | None]:
        """Return the variable that counts for one of Vault's names, and its value; None where it is not set."""
        variable, value = self.texts.get(name, (name, ""))
        return variable, value.strip() or None

    def level(self) -> dict[str, tuple[str, str | None]]:
        """Return what `read_level` takes, each value as it stands there; an agent's address comes first, as in Vault.

        No one keeps the result: the token in it is plain.
        """
        address = "VAULT_AGENT_ADDR" if "VAULT_AGENT_ADDR" in self.texts else "VAULT_ADDR"
        names = {"vault_url": address, "vault_namespace": "VAULT_NAMESPACE", "vault_ca_cert": "VAULT_CACERT"}
        found: dict[str, tuple[str, str | None]] = {
            setting: self.texts.get(name, (name, "")) for setting, name in names.items()
        }
        token = self.secrets.get("VAULT_TOKEN")
        if token is not None:
            found["vault_token"] = token.what, token.reveal()
        return found

    def options(self) -> dict[str, Any]:
        """Return the arguments of `VaultKeyStore` that come from here: TLS, proxy and time-out.

        Raises:
            ConfigurationError: a variable is refused, or cannot be understood.
        """
        refusal = next(filter(None, map(self._refusal, REFUSED)), None)
        if refusal is not None:
            raise refusal
        from qlik_keys.core.network.tls import Place  # noqa: PLC0415 - brings ssl

        found: dict[str, Any] = {}
        pairs = (("VAULT_CAPATH", "ca_cert"), ("VAULT_CACERT", "ca_cert"), ("VAULT_CACERT_BYTES", "ca_cert"))
        for name, argument in (*pairs, ("VAULT_CLIENT_CERT", "client_cert"), ("VAULT_CLIENT_KEY", "client_key")):
            variable, value = self.named(name)
            if value:
                found[argument] = Place(value, variable)
        if server_name := self.named("VAULT_TLS_SERVER_NAME")[1]:
            found["tls_server_name"] = server_name
        for name in ("VAULT_HTTP_PROXY", "VAULT_PROXY_ADDR"):
            if name in self.secrets:
                found["proxy"] = self.secrets[name]
        variable, patience = self.named("VAULT_CLIENT_TIMEOUT")
        if patience:
            found["timeout_seconds"] = _seconds(patience, variable)
        return found

    def _refusal(self, name: str) -> ConfigurationError | None:
        """Return the error for a variable that is refused, None where it is not set, or off; it may hold a secret."""
        variable, value = self.named(name)
        if not value or (name in _SWITCHES and value in _FALSE):
            return None
        wrong = name in _SWITCHES and value not in _TRUE
        reason = "is neither true nor false" if wrong else "is not supported"
        why, hint = REFUSED[name]
        return ConfigurationError(f"{variable} {reason}: {why}.", hint=hint)

    def login(self) -> Login | None:
        """Return the login that QLIK_KEYS_VAULT_AUTH names, None for a token.

        Raises:
            ConfigurationError: something is missing for it, contradicts itself, or cannot be read.
        """
        method = (self.named(METHOD)[1] or "token").lower()
        if method not in METHODS:
            raise ConfigurationError(
                f"{METHOD} names an unknown login method.", hint=f"There are: {', '.join(METHODS)}."
            )
        if method == "token":
            return None
        from qlik_keys.keystore.vault.http import login as logins  # noqa: PLC0415 - not wanted with a token

        mount = self.named(METHOD_MOUNT)[1]
        options = {} if mount is None else {"mount": mount}
        if method == "approle":
            secret = self._secret("VAULT_SECRET_ID")
            return logins.AppRole(self._needed("VAULT_ROLE_ID", method), secret, **options)
        if method == "userpass":
            password = self._secret("VAULT_PASSWORD")
            user = self._needed("VAULT_USERNAME", method)
            if password is None:
                raise _missing("VAULT_PASSWORD", method)
            return logins.UserPass(user, password, **options)
        role = self._needed("VAULT_ROLE", method)
        if method == "github-actions":
            return self._of_the_job(role, options)
        token, file = self.secrets.get("VAULT_JWT"), self.named("VAULT_JWT_FILE")[1]
        if token is not None and file is not None:
            raise _twice("VAULT_JWT")
        if method == "kubernetes":
            return logins.KubernetesLogin(role, token, token_file=file, **options)
        if token is None and file is None:
            raise _missing("VAULT_JWT", method)
        return logins.JwtLogin(role, token, token_file=file, **options)

    def _of_the_job(self, role: str, options: dict[str, str]) -> Login:
        """Return the login by the identity of the GitHub Actions job that this process is part of."""
        from qlik_keys.keystore.vault.http.login import GitHubActionsLogin  # noqa: PLC0415 - as above

        url, token = self.named(ACTIONS_URL)[1], self.secrets.get(ACTIONS_TOKEN)
        if url is None or token is None:
            raise ConfigurationError(
                f"{METHOD} is github-actions, and {ACTIONS_TOKEN if url else ACTIONS_URL} is not set.",
                hint="GitHub sets it in a job with `permissions: id-token: write`; elsewhere use another login method.",
            )
        audience = self.named(AUDIENCE)[1] or ""
        return GitHubActionsLogin(role, request_url=url, request_token=token, audience=audience, **options)

    def _needed(self, name: str, method: str) -> str:
        value = self.named(name)[1]
        if not value:
            raise _missing(name, method)
        return value

    def _secret(self, name: str) -> Secret | None:
        """Return a secret that is given by value or by file."""
        variable, file = self.named(f"{name}_FILE")
        if not file:
            return self.secrets.get(name)
        if name in self.secrets:
            raise _twice(name)
        read = read_secret_file(file, variable)
        if isinstance(read, ConfigurationError):
            raise read
        return read


def read_vault_environment(environment: Mapping[str, str]) -> VaultEnvironment:
    """Return what the environment says of the Vault; nothing is refused here."""
    names = {
        *("VAULT_ADDR", "VAULT_AGENT_ADDR", "VAULT_NAMESPACE", "VAULT_CACERT", "VAULT_CACERT_BYTES"),
        *("VAULT_CAPATH", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY", "VAULT_TLS_SERVER_NAME", "VAULT_CLIENT_TIMEOUT"),
        *(METHOD, METHOD_MOUNT, AUDIENCE),
        *LOGIN_VARIABLES,
        *_SECRET_NAMES,
        *ASIDE,
        *REFUSED,
    }
    notices: list[str] = []
    skip_vaults = _are_two_servers(environment)
    if skip_vaults:
        notices.append("ignored the VAULT_ variables, because VAULT_ADDR and BAO_ADDR name different servers")
    texts: dict[str, tuple[str, str]] = {}
    secrets: dict[str, Secret] = {}
    for name in names:
        variable = next((each for each in spellings(name) if each in environment), None)
        if variable is None or (skip_vaults and variable.startswith("VAULT_")):
            continue
        value = environment[variable]
        if not value:
            continue
        if name in _SECRET_NAMES and (value.strip() or name == "VAULT_TOKEN"):
            secrets[name] = Secret(value, what=variable, any_text=True)
        elif name in ASIDE and value.strip():
            notices.append(f"ignored {variable}: {ASIDE[name]}")
        elif name not in ASIDE and name not in _SECRET_NAMES:
            texts[name] = (variable, value)
    return VaultEnvironment(texts=texts, secrets=secrets, notices=tuple(sorted(notices)))


def _are_two_servers(environment: Mapping[str, str]) -> bool:
    """Return whether both products are named, on two servers: a login for the one must not be sent to the other."""
    first, second = (environment.get(name, "").strip() for name in ("BAO_ADDR", "VAULT_ADDR"))
    if not first or not second:
        return False
    return not same_origin(*(each if "://" in each else f"https://{each}" for each in (first, second)))


def read_secret_file(file: str, variable: str) -> Secret | ConfigurationError:
    """Return what a file holds, without a line end; no frame that has it raises."""
    try:
        with Path(file).expanduser().open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode("utf-8").rstrip("\r\n")
    except (OSError, ValueError, RuntimeError) as error:
        reason = type(error).__name__
        return ConfigurationError(
            f"{variable} names a file that cannot be read ({reason}).", hint="Check that this process can read it."
        )
    if not text:
        return ConfigurationError(
            f"{variable} names a file that is empty.", hint="The file must contain only the secret."
        )
    return Secret(text, what=variable, any_text=True)


def _seconds(text: str, variable: str) -> float:
    """Return a time-out as Vault writes it: seconds, or 1m30s."""
    found = _DURATION.fullmatch(text)
    seconds = 0.0
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    elif found and text:
        hours, minutes, rest, thousandths = (float(part or 0) for part in found.groups())
        seconds = hours * 3600 + minutes * 60 + rest + thousandths / 1000
    if not 0 < seconds <= MAXIMUM_TIMEOUT_SECONDS:
        raise ConfigurationError(
            f"{variable} is not a valid time-out.",
            hint="Write a number of seconds, or a duration such as 30s or 1m30s; one day at most.",
        )
    return seconds


def _missing(name: str, method: str) -> ConfigurationError:
    by_file = f", or {name}_FILE" if name in _SECRET_NAMES else ""
    return ConfigurationError(f"{METHOD} is {method}, and {name} is not set.", hint=f"Set {name}{by_file}.")


def _twice(name: str) -> ConfigurationError:
    return ConfigurationError(f"{name} and {name}_FILE are both set.", hint="Unset one of them.")
