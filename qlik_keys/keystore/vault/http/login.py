"""Ways to log in to Vault without a current token: AppRole, user and password, Kubernetes, JWT, GitHub Actions.

Each is an opaque value: its repr names who logs in and where, never a secret; it is neither pickled nor copied. What
one does with the token that comes of it is in `token`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol
from urllib.parse import quote, urlsplit

from qlik_keys.core.arguments import TEXT, Kind, optional, require
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.core.origins import require_https
from qlik_keys.core.secret import Secret, guarded, wrong_type
from qlik_keys.errors import ConfigurationError, QlikKeysError, StoreUnreachable
from qlik_keys.keystore.vault.documents.records import check_folder

if TYPE_CHECKING:
    from qlik_keys.keystore.vault.http.api import VaultApi

KUBERNETES_TOKEN_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  # a file's name
_MAXIMUM_TOKEN_BYTES = 65_536
_JWT = "login JWT"
_GITHUB_SECONDS = 10.0
_OK, _FIRST_SERVER_ERROR = 200, 500
_PATH = Kind((str, os.PathLike), "a path (str or Path)")


def _checked_mount(mount: str) -> str:
    require(TEXT, mount=mount)
    return check_folder(mount, what="mount of the login")  # what leads elsewhere would take a password along


class Login(Protocol):
    """A way to log in."""

    def perform(self, api: VaultApi) -> Any:
        """Return the answer of Vault's login endpoint; called inside `VaultApi.shielded`.

        Raises:
            ConfigurationError: what it logs in with cannot be read.
        """
        ...


class _Opaque:
    """What the login values share: no pickle, no copy."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret: it cannot be pickled or copied")


class AppRole(_Opaque):
    """Log in as an AppRole.

    Args:
        role_id: the role's id.
        secret_id: its secret id; None for a role that is bound by network addresses alone.
        mount: where the auth method is mounted.

    Raises:
        ConfigurationError: a value is empty or has a blank in it.
        TypeError: a value is no text; it is not quoted.

    Example:
        >>> AppRole("3f6b…", "b1c2…")
        <AppRole at approle>
    """

    __slots__ = ("__role_id", "__secret_id", "mount")

    def __init__(self, role_id: str | Secret, secret_id: str | Secret | None = None, *, mount: str = "approle") -> None:
        self.mount = _checked_mount(mount)
        role = guarded(role_id, what="AppRole role id")
        secret = None if secret_id is None else guarded(secret_id, what="AppRole secret id")
        del role_id, secret_id
        if isinstance(role, Exception):
            raise role
        if isinstance(secret, Exception):
            raise secret
        self.__role_id = role
        self.__secret_id = secret

    def perform(self, api: VaultApi) -> Any:
        """Log in."""
        return api.auth.approle.login(
            self.__role_id.reveal(),
            secret_id=None if self.__secret_id is None else self.__secret_id.reveal(),
            use_token=False,
            mount_point=self.mount,
        )

    def __repr__(self) -> str:
        return f"<AppRole at {self.mount}>"


class UserPass(_Opaque):
    """Log in as a user with a password.

    Args:
        username: the user.
        password: any text, blanks included.
        mount: where the auth method is mounted; also fits LDAP and RADIUS mounts, which speak the same.

    Raises:
        ConfigurationError: a value is empty.
        TypeError: a value is no text; it is not quoted.

    Example:
        >>> UserPass("ada", "correct horse")
        <UserPass ada at userpass>
    """

    __slots__ = ("__password", "mount", "username")

    def __init__(self, username: str, password: str | Secret, *, mount: str = "userpass") -> None:
        self.mount = _checked_mount(mount)
        is_named = isinstance(username, str)
        self.username = username.strip() if is_named else ""
        held = guarded(password, what="password", any_text=True)
        kind = type(username)
        del username, password  # either may be the password
        if not is_named:
            raise wrong_type(kind, what="username")
        if isinstance(held, TypeError):
            raise held
        if isinstance(held, ConfigurationError) or not self.username:
            raise ConfigurationError("A Vault login by user and password needs both.", hint="Give the missing one.")
        self.__password = held

    def perform(self, api: VaultApi) -> Any:
        """Log in."""
        user = quote(self.username, safe="")  # hvac puts it into the path as it is
        return api.auth.userpass.login(user, self.__password.reveal(), use_token=False, mount_point=self.mount)

    def __repr__(self) -> str:
        return f"<UserPass {self.username} at {self.mount}>"


class _TokenLogin(_Opaque):
    """Log in with a token that another user signed: given, or read again from a file at each login."""

    __slots__ = ("_file", "_token", "mount", "role")

    def __init__(self, role: str, given: Secret | Exception | None, token_file: str | Path | None, mount: str) -> None:
        # First, since a traceback with its locals shows an object that was refused by its repr.
        self.role = role if isinstance(role, str) else ""
        self.mount = mount if isinstance(mount, str) else ""
        if not isinstance(role, str):
            kind = type(role)
            del role  # it may be the token
            raise wrong_type(kind, what="role")
        self.mount = _checked_mount(mount)
        optional(_PATH, token_file=token_file)
        if (given is None) == (token_file is None):
            raise TypeError("give either the token or its file")
        if isinstance(given, Exception):
            raise given
        self._token = given
        self._file = None if token_file is None else Path(token_file)

    def _read(self) -> Secret:
        """Return the token; a projected Kubernetes token changes every hour, so its file is read each time."""
        if self._token is not None:
            return self._token
        assert self._file is not None
        try:
            with self._file.open("rb") as file:
                text: str | None = file.read(_MAXIMUM_TOKEN_BYTES).decode("ascii", "replace")
        except OSError:
            text = None
        if text is None:
            raise ConfigurationError(
                f"The file {self._file} with the JWT for the Vault login cannot be read.",
                hint="Check that it exists and that this process can read it.",
            )
        return Secret(text, what=_JWT)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.role} at {self.mount}>"


class KubernetesLogin(_TokenLogin):
    """Log in as the pod's service account.

    Args:
        role: the role in Vault.
        jwt: the service account's token, if it is not in its usual file.
        token_file: the file to read it from.
        mount: where the auth method is mounted.

    Raises:
        TypeError: both `jwt` and another file are given.
        ConfigurationError: the token is empty or damaged.

    Example:
        >>> KubernetesLogin("notebooks")
        <KubernetesLogin notebooks at kubernetes>
    """

    __slots__ = ()

    def __init__(
        self,
        role: str,
        jwt: str | Secret | None = None,
        *,
        token_file: str | Path | None = None,
        mount: str = "kubernetes",
    ) -> None:
        given = None if jwt is None else guarded(jwt, what=_JWT)
        del jwt
        if given is None and token_file is None:
            token_file = KUBERNETES_TOKEN_FILE
        super().__init__(role, given, token_file, mount)

    def perform(self, api: VaultApi) -> Any:
        """Log in."""
        return api.auth.kubernetes.login(self.role, self._read().reveal(), use_token=False, mount_point=self.mount)


class JwtLogin(_TokenLogin):
    """Log in with a JWT of an identity provider, as CI systems and JupyterHub give out.

    Args:
        role: the role in Vault.
        jwt: the JWT; or
        token_file: a file that holds one, read at each login.
        mount: where the auth method is mounted.

    Raises:
        TypeError: there is not exactly one of `jwt` and `token_file`.
        ConfigurationError: the JWT is empty or damaged.

    Example:
        >>> JwtLogin("ci", token_file="/run/secrets/id-token")
        <JwtLogin ci at jwt>
    """

    __slots__ = ()

    def __init__(
        self, role: str, jwt: str | Secret | None = None, *, token_file: str | Path | None = None, mount: str = "jwt"
    ) -> None:
        given = None if jwt is None else guarded(jwt, what=_JWT)
        del jwt
        super().__init__(role, given, token_file, mount)

    def perform(self, api: VaultApi) -> Any:
        """Log in."""
        return api.auth.jwt.jwt_login(self.role, self._read().reveal(), use_token=False, path=self.mount)


class GitHubActionsLogin(_Opaque):
    """Log in with the identity token of a GitHub Actions job, which GitHub is asked for at each login.

    Such a token is good for minutes, so one that was written to a file does not last a long run.

    Args:
        role: the role in Vault.
        request_url: where GitHub gives it out, the job's ACTIONS_ID_TOKEN_REQUEST_URL.
        request_token: what GitHub wants to see for it, the job's ACTIONS_ID_TOKEN_REQUEST_TOKEN.
        audience: for whom the token is; "" for the address of the Vault.
        mount: where the auth method (JWT) is mounted.

    Raises:
        ConfigurationError: the URL is none, or is plain http to another machine.
        TypeError: a value is no text; it is not quoted.

    Example:
        >>> GitHubActionsLogin("ci", request_url="https://github.example/token", request_token=Secret("e30"))
        <GitHubActionsLogin ci at jwt>
    """

    __slots__ = ("__request_token", "_audience", "_request_url", "mount", "role")

    def __init__(
        self, role: str, *, request_url: str, request_token: Secret, audience: str = "", mount: str = "jwt"
    ) -> None:
        self.role, self.mount = role, _checked_mount(mount)
        require(TEXT, role=role, request_url=request_url, audience=audience)
        require_https(request_url, what="ACTIONS_ID_TOKEN_REQUEST_URL")
        held = guarded(request_token, what="ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        if isinstance(held, Exception):
            raise held
        self.__request_token = held
        self._request_url, self._audience = request_url, audience

    def perform(self, api: VaultApi) -> Any:
        """Log in."""
        token = self._identity_token(self._audience or api.adapter.base_uri)
        return api.auth.jwt.jwt_login(self.role, token.reveal(), use_token=False, path=self.mount)

    def _identity_token(self, audience: str) -> Secret:
        """Ask GitHub (docs.github.com, "OpenID Connect reference"); the caller drops the frames that hold secrets.

        Raises:
            ConfigurationError: GitHub refuses.
            StoreUnreachable: GitHub does not answer, so there is no login to the Vault.
        """
        from qlik_keys.keystore.vault.http.adapter import VaultNetwork  # noqa: PLC0415  # as its user has it
        from qlik_keys.keystore.vault.http.api import VaultSession  # noqa: PLC0415  # which has the logins' user

        host = urlsplit(self._request_url).netloc
        status, token = 0, None
        with VaultSession(self._request_url, VaultNetwork(), clock=SYSTEM_CLOCK) as session:
            told = {"Authorization": f"Bearer {self.__request_token.reveal()}"}
            asked = {"params": {"audience": audience}, "headers": told, "timeout": _GITHUB_SECONDS}
            try:
                answer = session.request("GET", self._request_url, **asked)
                status = answer.status_code
                token = answer.json().get("value")
            except QlikKeysError:
                raise  # an authority or a proxy that cannot be used
            except Exception:  # noqa: BLE001, S110  # no answer, or none of GitHub's; what it said may quote the token
                pass
        if status == _OK and isinstance(token, str):
            return Secret(token, what=_JWT)
        if status == 0 or status >= _FIRST_SERVER_ERROR:
            raise StoreUnreachable(
                f"GitHub's token service at {host} does not answer, so there is no login to the Vault.",
                hint="Run the job again; GitHub reports incidents on githubstatus.com.",
                retryable=True,
            )
        raise ConfigurationError(
            f"GitHub's token service at {host} gives out no identity token (status {status}).",
            hint="The job needs `permissions: id-token: write`, and a token is given out only while the job runs.",
        )

    def __repr__(self) -> str:
        return f"<GitHubActionsLogin {self.role} at {self.mount}>"
