"""Every login on a real OpenBao: it gives a token that works, a wrong secret is told, and nothing of it is shown."""

from __future__ import annotations

import os
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError, StoreDenied, StoreMisconfigured
from qlik_keys.keystore.testing import make_record
from qlik_keys.keystore.vault.store import AppRole, JwtLogin, KubernetesLogin, UserPass

pytestmark = pytest.mark.openbao


@pytest.fixture
def approle(operator, enable, policy):
    """An AppRole; the mount, its role id and a secret id."""
    mount, roles = enable("approle"), operator.client.auth.approle
    roles.create_or_update_approle("nightly", token_policies=[policy], token_ttl="1h", mount_point=mount)
    role_id = roles.read_role_id("nightly", mount_point=mount)["data"]["role_id"]
    secret_id = roles.generate_secret_id("nightly", mount_point=mount)["data"]["secret_id"]
    return mount, role_id, secret_id


@pytest.fixture
def userpass(operator, enable, policy):
    return operator.make_user(enable("userpass"), policy)


@pytest.fixture(scope="module")
def issuer():
    """The key of an identity provider, made for this run."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def jwt_mount(operator, enable, policy, issuer):
    """A mount for JWTs; that for Kubernetes takes the same requests, and asks a cluster instead."""
    mount = enable("jwt")
    public = issuer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    operator.client.auth.jwt.configure(jwt_validation_pubkeys=[public], path=mount)
    role = {"user_claim": "sub", "allowed_redirect_uris": [], "bound_audiences": ["vault"], "role_type": "jwt"}
    operator.client.auth.jwt.create_role("ci", path=mount, token_policies=[policy], **role)
    return mount


@pytest.fixture
def make_jwt(issuer):
    def make(**claims):
        now = int(time.time())
        told = {"sub": "pipeline", "aud": "vault", "iat": now, "exp": now + 300, "jti": uuid.uuid4().hex} | claims
        return jwt.encode(told, issuer, algorithm="ES256")

    return make


def assert_works(store, host):
    record = store.write(make_record(store, host))
    assert store.read(host, record.client_id) == record
    status = store.token_status()
    assert (status.renewable, status.expires_at is None) == (True, False)
    # The token is of our own login: it is ended with it.
    assert [store.revoke_token(), store.revoke_token()] == [True, False]
    assert store.read(host, record.client_id) == record  # by a new login


def test_a_token_is_taken_as_text_or_as_a_secret(openbao, open_vault, host):
    for token in (f"  {openbao.token}\n", Secret(openbao.token)):
        store = open_vault(token=token)
        assert list(store.client_ids(host)) == []
        assert store.token_status().expires_at is None
        assert store.revoke_token() is False  # it is not ours


def test_an_approle_that_is_bound_by_its_address_alone(operator, open_vault, host, enable, policy):
    mount, roles = enable("approle"), operator.client.auth.approle
    bound = {"bind_secret_id": False, "secret_id_bound_cidrs": ["127.0.0.1/32"]}
    roles.create_or_update_approle("here", token_policies=[policy], mount_point=mount, **bound)
    role_id = roles.read_role_id("here", mount_point=mount)["data"]["role_id"]
    assert_works(open_vault(login=AppRole(Secret(role_id), mount=mount)), host)


def test_a_user_name_does_not_lead_elsewhere(open_vault, fault_proxy, host, userpass):
    store = open_vault(fault_proxy.url, login=UserPass("../../sys/seal?x=", "x", mount=userpass.mount))
    with pytest.raises(StoreDenied):
        store.client_ids(host)
    assert fault_proxy.paths() == [f"POST /v1/auth/{userpass.mount}/login/..%2F..%2Fsys%2Fseal%3Fx%3D"]


@pytest.mark.parametrize("kind", [JwtLogin, KubernetesLogin])
def test_a_jwt_in_a_file_is_read_at_each_login(open_vault, host, jwt_mount, make_jwt, tmp_path, kind):  # noqa: PLR0917
    file = tmp_path / "id-token"
    file.write_text(make_jwt(exp=1) + "\n")
    store = open_vault(login=kind("ci", token_file=file, mount=jwt_mount))
    with pytest.raises(StoreDenied):
        store.client_ids(host)
    file.write_text(make_jwt() + "\n")
    assert_works(store, host)


def test_the_usual_file_of_a_pod_is_read_when_nothing_is_given(open_vault, host):
    store = open_vault(login=KubernetesLogin("notebooks"))
    with pytest.raises(ConfigurationError, match=r"/var/run/secrets/kubernetes\.io/serviceaccount/token"):
        store.client_ids(host)


@pytest.mark.parametrize("kind", ["approle", "role", "userpass", "jwt", "jwt role", "kubernetes"])
def test_a_wrong_secret_is_told_without_it(  # noqa: PLR0917
    open_vault, host, approle, userpass, jwt_mount, make_jwt, kind
):
    mount, role_id, secret_id = approle
    elsewhere = make_jwt(aud="elsewhere")
    login, wrong = {
        "approle": (AppRole(role_id, "another-secret-id", mount=mount), "another-secret-id"),
        "role": (AppRole("another-role", secret_id, mount=mount), secret_id),
        "userpass": (UserPass("ada", "wrong horse battery", mount=userpass.mount), "wrong horse battery"),
        "jwt": (JwtLogin("ci", elsewhere, mount=jwt_mount), elsewhere),
        "jwt role": (JwtLogin("unknown", right := make_jwt(), mount=jwt_mount), right),
        "kubernetes": (KubernetesLogin("ci", elsewhere, mount=jwt_mount), elsewhere),
    }[kind]
    with pytest.raises(StoreDenied, match="refuses the login") as caught:
        open_vault(login=login).write(make_record(open_vault(), host))
    assert repr(login) in caught.value.message
    assert login.mount in caught.value.message
    assert wrong not in f"{caught.value}{caught.value!r}{vars(caught.value)}{login!r}"
    assert caught.value.hint
    assert list(open_vault().client_ids(host)) == []


def test_an_auth_method_that_is_not_there_is_told(open_vault, host):
    with pytest.raises((StoreDenied, StoreMisconfigured), match="nowhere") as caught:
        open_vault(login=AppRole("role", "secret", mount="nowhere")).client_ids(host)
    assert "`mount`" in caught.value.hint


def test_a_login_in_a_namespace(open_vault, host, namespace, rules):
    namespace.client.sys.enable_auth_method("userpass", path="people")
    login = namespace.make_user("people", namespace.make_policy(rules), token_ttl="1h")
    assert_works(open_vault(login=login, namespace="team-a"), host)
    with pytest.raises(StoreDenied):
        open_vault(login=login).client_ids(host)


def test_a_token_or_a_login_and_not_both(openbao):
    for given in ({}, {"token": "t", "login": AppRole("r", "s")}):
        with pytest.raises(TypeError, match="exactly one"):
            qk.VaultKeyStore(openbao.url, **given)


@pytest.fixture
def by_environment(monkeypatch, tmp_path, openbao):
    """Makes a store as a command does, by these variables alone."""

    def make(**variables):
        for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_"))]:
            monkeypatch.delenv(name)
        for name, value in {"HOME": str(tmp_path), "VAULT_ADDR": openbao.url, **variables}.items():
            monkeypatch.setenv(name, value)
        return Settings.resolve().store()

    return make


def test_each_login_by_environment_with_its_secret_as_a_value_and_in_a_file(  # noqa: PLR0917
    operator, by_environment, tmp_path, host, approle, userpass, jwt_mount, make_jwt
):
    mount, role_id, secret_id = approle
    file = tmp_path / "secret"
    for method, path, names, secret_name, secret in (
        ("approle", mount, {"VAULT_ROLE_ID": role_id}, "VAULT_SECRET_ID", secret_id),
        ("userpass", userpass.mount, {"VAULT_USERNAME": "ada"}, "VAULT_PASSWORD", operator.password),
        ("jwt", jwt_mount, {"VAULT_ROLE": "ci"}, "VAULT_JWT", make_jwt()),
        ("kubernetes", jwt_mount, {"BAO_ROLE": "ci"}, "VAULT_JWT", make_jwt()),
    ):
        variables = {"QLIK_KEYS_VAULT_AUTH": method, "QLIK_KEYS_VAULT_AUTH_MOUNT": path, **names}
        file.write_text(f"{secret}\n", encoding="utf-8")
        for given in ({secret_name: secret}, {secret_name: "", f"{secret_name}_FILE": str(file)}):
            with by_environment(**variables, **given) as store:
                assert_works(store, host)
