"""A real Vault, seen with its operator's eyes: mounts, policies, tokens, and every version that it still has."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import uuid

import hvac
import pytest
from fixtures.support import NoWaiting

import qlik_keys as qk

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

    def __init__(self, url: str, token: str, namespace: str | None = None) -> None:
        self.url, self.root_token, self.namespace = url, token, namespace
        self.client = hvac.Client(url=url, token=token, namespace=namespace)

    @property
    def kv(self):
        return self.client.secrets.kv.v2

    def make_mount(self, path: str = "", *, version: str = "2") -> str:
        path = path or f"kv{next(_numbers)}"
        self.client.sys.enable_secrets_engine("kv", path=path, options={"version": version})
        if version == "2":
            self.wait_for(lambda: self.kv.read_configuration(mount_point=path))
        return path

    def make_policy(self, rules: str) -> str:
        name = f"policy{next(_numbers)}"
        self.client.sys.create_or_update_policy(name, rules)
        return name

    def make_token(self, rules: str = "", **options) -> str:
        policies = [self.make_policy(rules)] if rules else ["default"]
        return self.client.auth.token.create(policies=policies, **options)["auth"]["client_token"]

    @staticmethod
    def wait_for(call):
        """Ask until the mount is ready: for a moment after it was made, KV version 2 upgrades it and answers 400."""
        for _ in range(500):
            with contextlib.suppress(hvac.exceptions.InvalidRequest):
                return call()
        return call()


class VaultBackdoor:
    """The contract's `Backdoor`, by hvac alone."""

    def __init__(self, operator: Operator, mount: str = "secret", prefix: str = "qlik-keys") -> None:
        self.operator = operator
        self.kv, self.mount, self.prefix = operator.kv, mount, prefix

    def put(self, path: str, data: dict) -> None:
        self.kv.create_or_update_secret(f"{self.prefix}/{path}", secret=data, mount_point=self.mount)

    def put_foreign_record(self, tenant_host: str, client_id: str) -> None:
        self.put(f"{tenant_host}/{client_id}", {"password": "of somebody else"})

    def put_foreign_pending(self, tenant_host: str, name: str) -> None:
        self.put(f"{tenant_host}/.staged/{hashlib.sha256(name.encode()).hexdigest()[:32]}", {"password": "theirs"})

    def snapshot(self, tenant_host: str) -> str:
        return json.dumps(dict(self._documents(f"{self.prefix}/{tenant_host}")), indent=1)

    def transit_names(self, tenant_host: str) -> list[str]:
        names = listed(self.operator.client.secrets.transit.list_keys)
        return [name for name in names if f".{tenant_host}." in name]

    def _documents(self, folder: str):
        for name in listed(self.kv.list_secrets, folder, mount_point=self.mount):
            path = f"{folder}/{name}"
            if name.endswith("/"):
                yield from self._documents(path.rstrip("/"))
                continue
            metadata = self.kv.read_secret_metadata(path, mount_point=self.mount)["data"]
            yield path, metadata
            for number, about in metadata["versions"].items():
                if not about["destroyed"]:
                    # The snapshot would not see what lies in a version that can be undeleted.
                    assert not about["deletion_time"], f"{path} has a soft-deleted version"
                    options = {"version": int(number), "mount_point": self.mount, "raise_on_deleted_version": True}
                    yield f"{path} version {number}", self.kv.read_secret_version(path, **options)["data"]


def listed(look, *arguments, **options):
    try:
        return look(*arguments, **options)["data"]["keys"]
    except hvac.exceptions.InvalidPath:
        return []


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
            options.setdefault("clock", NoWaiting())
            return opened.enter_context(qk.VaultKeyStore(url or openbao.url, **options))

        yield open_one


@pytest.fixture
def make_operator():
    with contextlib.ExitStack() as stack:

        def make(url, token):
            made = Operator(url, token)
            stack.callback(made.client.adapter.close)
            return made

        yield make


@pytest.fixture
def host():
    return f"t{uuid.uuid4().hex}.eu.qlikcloud.com"


@pytest.fixture
def make_backdoor():
    return VaultBackdoor


@pytest.fixture(scope="session")
def narrow_policy():
    return NARROW_POLICY
