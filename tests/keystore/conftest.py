"""A real Vault, seen with its operator's eyes: mounts, policies, tokens, and every version that it still has."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import uuid

import hvac
import pytest
from fixtures.loopback import PASS, Loopback, Reply
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.keystore.vault.store import UserPass

pytest.register_assert_rewrite("qlik_keys.keystore.testing", "qlik_keys.keystore.testing.pending")

_numbers = itertools.count(1)


# All that the store needs, and nothing on `sys/mounts`.
NARROW_POLICY = """
path "{mount}/data/{prefix}/*" {{ capabilities = ["create", "read", "update"] }}
path "{mount}/metadata/{prefix}/*" {{ capabilities = ["create", "read", "update", "delete", "list"] }}
path "{mount}/destroy/{prefix}/*" {{ capabilities = ["update"] }}
"""


class Operator:
    """The operator of a Vault, with its root token; in a namespace if one is named."""

    password = "correct horse bättery ☃ staple"

    def __init__(self, url: str, token: str, namespace: str | None = None) -> None:
        self.namespace = namespace
        self.client = hvac.Client(url=url, token=token, namespace=namespace)
        self.kv = self.client.secrets.kv.v2

    def make_mount(self, path: str = "", *, version: str = "2") -> str:
        path = path or f"kv{next(_numbers)}"
        self.client.sys.enable_secrets_engine("kv", path=path, options={"version": version})
        if version == "2":
            self.wait_for_mount(path)
        return path

    def wait_for_mount(self, path: str) -> None:
        """Wait until it is ready: for a moment after it was made, KV version 2 upgrades it and answers 400."""
        for _ in range(500):
            with contextlib.suppress(hvac.exceptions.InvalidRequest):
                self.kv.read_configuration(mount_point=path)
                return

    def make_policy(self, rules: str) -> str:
        name = f"policy{next(_numbers)}"
        self.client.sys.create_or_update_policy(name, rules)
        return name

    def make_token(self, rules: str, **options) -> str:
        return self.client.auth.token.create(policies=[self.make_policy(rules)], **options)["auth"]["client_token"]

    def make_user(self, mount: str, policy: str, **life) -> UserPass:
        """Make the user ada, and return the login."""
        users = self.client.auth.userpass
        users.create_or_update_user("ada", self.password, mount_point=mount, token_policies=[policy], **life)
        return UserPass("ada", self.password, mount=mount)


class VaultBackdoor:
    """The contract's `Backdoor`, by hvac alone."""

    def __init__(self, operator, mount: str = "secret", prefix: str = "qlik-keys") -> None:
        self.client, self.mount, self.prefix = operator.client, mount, prefix
        self.kv = self.client.secrets.kv.v2

    def put_foreign_record(self, tenant_host: str, client_id: str) -> None:
        self._put(f"{tenant_host}/{client_id}")

    def put_foreign_pending(self, tenant_host: str, name: str) -> None:
        self._put(f"{tenant_host}/.staged/{hashlib.sha256(name.encode()).hexdigest()[:32]}")

    def _put(self, path: str) -> None:
        secret = {"password": "of another program"}
        self.kv.create_or_update_secret(f"{self.prefix}/{path}", secret=secret, mount_point=self.mount)

    def snapshot(self, tenant_host: str) -> str:
        return json.dumps(dict(self._documents(f"{self.prefix}/{tenant_host}")), indent=1)

    def transit_names(self, tenant_host: str) -> list[str]:
        try:
            names = self.client.secrets.transit.list_keys()["data"]["keys"]
        except hvac.exceptions.InvalidPath:
            return []
        return [name for name in names if f".{tenant_host}." in name]

    def _documents(self, folder: str):
        try:
            names = self.kv.list_secrets(folder, mount_point=self.mount)["data"]["keys"]
        except hvac.exceptions.InvalidPath:
            return
        for name in names:
            path, place = f"{folder}/{name}", {"mount_point": self.mount}
            if name.endswith("/"):
                yield from self._documents(path.rstrip("/"))
                continue
            metadata = self.kv.read_secret_metadata(path, **place)["data"]
            yield path, metadata
            for number in [number for number, about in metadata["versions"].items() if not about["destroyed"]]:
                # The snapshot would not see what lies in a version that can be undeleted.
                assert not metadata["versions"][number]["deletion_time"], f"{path} has a soft-deleted version"
                answer = self.kv.read_secret_version(path, int(number), raise_on_deleted_version=True, **place)
                yield f"{path} version {number}", answer["data"]


@pytest.fixture(scope="session")
def operator(openbao):
    made = Operator(openbao.url, openbao.token)
    yield made
    made.client.adapter.close()


@pytest.fixture(scope="session")
def namespace(openbao, operator):
    """A namespace, and its operator."""
    operator.client.adapter.post("/v1/sys/namespaces/team-a", json={})
    made = Operator(openbao.url, openbao.token, "team-a")
    made.make_mount("secret")
    yield made
    made.client.adapter.close()


@pytest.fixture
def open_vault(openbao):
    """Open stores, and close them after the test."""
    with contextlib.ExitStack() as opened:

        def open_one(url=None, **options):
            if "login" not in options:
                options.setdefault("token", openbao.token)
            options.setdefault("clock", ManualClock())  # by which a wait is over at once
            return opened.enter_context(qk.VaultKeyStore(url or openbao.url, **options))

        yield open_one


@pytest.fixture
def host():
    return f"t{uuid.uuid4().hex}.eu.qlikcloud.com"


@pytest.fixture
def make_backdoor():
    return VaultBackdoor


@pytest.fixture
def backdoor(operator):
    return VaultBackdoor(operator)


@pytest.fixture(scope="session")
def narrow_policy():
    """A template; `rules` has it for the usual mount and prefix."""
    return NARROW_POLICY


@pytest.fixture(scope="session")
def rules():
    return NARROW_POLICY.format(mount="secret", prefix="qlik-keys")


@pytest.fixture(scope="session")
def policy(operator, rules):
    return operator.make_policy(rules)


@pytest.fixture
def enable(operator):
    """Enable an auth method under a name of its own, and disable it after the test."""
    made = []

    def enable(kind):
        path = f"{kind}-{uuid.uuid4().hex[:8]}"
        operator.client.sys.enable_auth_method(kind, path=path)
        made.append(path)
        return path

    yield enable
    for path in made:
        operator.client.sys.disable_auth_method(path)


@pytest.fixture
def fault_proxy(openbao):
    with Loopback(upstream=openbao.url) as server:
        yield server


@pytest.fixture
def capped():
    """Answers a renewal as Vault does near the end of a token's maximum life."""

    def answer(call):
        if not call.path.endswith("/renew-self"):
            return PASS
        auth = {"client_token": call.headers["X-Vault-Token"], "lease_duration": 100, "renewable": True}
        return Reply(200, {"auth": auth, "warnings": ["TTL exceeded the effective max_ttl; capped accordingly"]})

    return answer
