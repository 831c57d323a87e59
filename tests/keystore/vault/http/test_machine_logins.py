"""Logins of schedules on a real OpenBao: a pod, reviewed by its cluster, and a job of GitHub Actions."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.harness.sides import SkewedClock
from fixtures.identity_provider import REQUEST_TOKEN, Platform, an_authority
from fixtures.loopback import HANG, Loopback, Reply

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.errors import ConfigurationError, StoreDenied, StoreUnreachable
from qlik_keys.keystore.testing import make_record
from qlik_keys.keystore.vault.store import KubernetesLogin

pytestmark = pytest.mark.openbao


@pytest.fixture
def platform():
    with Platform() as server:
        yield server


@pytest.fixture
def cluster(operator, enable, policy, platform):
    """The auth method kubernetes, which asks the cluster about each token."""
    mount, kubernetes = enable("kubernetes"), operator.client.auth.kubernetes
    elsewhere = {"kubernetes_ca_cert": an_authority(), "token_reviewer_jwt": platform.pod_token()}
    kubernetes.configure(kubernetes_host=platform.url, disable_local_ca_jwt=True, mount_point=mount, **elsewhere)
    accounts = {"bound_service_account_names": ["qlik-keys"], "bound_service_account_namespaces": ["qlik-keys"]}
    kubernetes.create_role("rotation", audience="vault", policies=[policy], ttl="1h", mount_point=mount, **accounts)
    return mount


@pytest.fixture
def jobs(operator, enable, policy, platform):
    """The auth method jwt, which trusts GitHub."""
    mount, by_jwt = enable("jwt"), operator.client.auth.jwt
    by_jwt.configure(oidc_discovery_url=platform.url, bound_issuer=platform.url, path=mount)
    role = {"role_type": "jwt", "user_claim": "sub", "allowed_redirect_uris": [], "bound_subject": platform.subject}
    audiences = [operator.client.url, "elsewhere"]
    by_jwt.create_role(
        "rotation", path=mount, bound_audiences=audiences, token_policies=[policy], token_ttl="1h", **role
    )
    return mount


@pytest.fixture
def settings(monkeypatch, tmp_path, openbao):
    """Resolves settings by these variables alone."""

    def resolve(**variables):
        for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_", "ACTIONS_"))]:
            monkeypatch.delenv(name)
        for name, value in {"HOME": str(tmp_path), "VAULT_ADDR": openbao.url, **variables}.items():
            monkeypatch.setenv(name, value)
        return Settings.resolve()

    return resolve


def test_a_pod_logs_in_by_its_projected_token_which_its_cluster_reviews(  # noqa: PLR0917
    open_vault, host, cluster, platform, settings, tmp_path
):
    file = tmp_path / "token"
    of_another = platform.pod_token(account="default")
    for wrong in (of_another, platform.pod_token(audience="elsewhere"), platform.pod_token()[:-9] + "AAAAAAAA"):
        file.write_text(wrong)
        with pytest.raises(StoreDenied, match="refuses the login <KubernetesLogin rotation") as caught:
            open_vault(login=KubernetesLogin("rotation", token_file=file, mount=cluster)).client_ids(host)
        assert wrong not in str(caught.value)
    named = {"QLIK_KEYS_VAULT_AUTH": "kubernetes", "QLIK_KEYS_VAULT_AUTH_MOUNT": cluster, "VAULT_ROLE": "rotation"}
    with settings(**named, VAULT_JWT_FILE=str(file)).store() as store:
        # The kubelet has replaced the file since the settings were read, and does so again during the run.
        for token in (platform.pod_token(), platform.pod_token()):
            file.write_text(token)
            assert list(store.client_ids(host)) == []
            assert platform.reviewed[-1] == token
            assert store.revoke_token()


def test_a_job_of_github_gets_an_identity_at_each_login(host, jobs, platform, settings, openbao):
    named = {"QLIK_KEYS_VAULT_AUTH": "github-actions", "QLIK_KEYS_VAULT_AUTH_MOUNT": jobs, "VAULT_ROLE": "rotation"}
    with settings(**named, **platform.variables).store() as store:
        record = store.write(make_record(store, host))
        assert store.revoke_token()
        assert store.read(host, record.client_id) == record  # by a new login
    assert platform.audiences == [openbao.url] * 2
    with settings(**named, **platform.variables, QLIK_KEYS_VAULT_AUTH_AUDIENCE="elsewhere").store() as store:
        store.client_ids(host)
    assert platform.audiences[-1] == "elsewhere"
    platform.subject = "repo:acme/keys:pull_request"
    with settings(**named, **platform.variables).store() as store, pytest.raises(StoreDenied) as caught:
        store.client_ids(host)
    assert "<GitHubActionsLogin rotation at jwt-" in caught.value.message
    assert not any(secret in str(vars(caught.value)) for secret in (REQUEST_TOKEN, *platform.given))


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Reply(403, {"message": REQUEST_TOKEN}), ConfigurationError, r"status 403"),
        (Reply(200, b"not JSON"), ConfigurationError, r"status 200"),
        (Reply(200, [REQUEST_TOKEN]), ConfigurationError, r"status 200"),
        (Reply(302, headers={"location": "https://elsewhere.example/"}), StoreUnreachable, "does not answer"),
        (Reply(501, {}), StoreUnreachable, "does not answer"),
        (None, StoreUnreachable, "does not answer"),
    ],
)
def test_github_that_gives_out_no_identity_is_told_without_the_token(host, settings, answer, error, words):
    with Loopback(lambda _: answer) as server:
        url = f"{server.url}/token"
        if answer is None:
            server.answer = lambda _: HANG
            server.stopping.set()  # which cuts the connection
        named = {"QLIK_KEYS_VAULT_AUTH": "github-actions", "VAULT_ROLE": "r", "ACTIONS_ID_TOKEN_REQUEST_URL": url}
        store = settings(**named, ACTIONS_ID_TOKEN_REQUEST_TOKEN=REQUEST_TOKEN).store()
        with store, pytest.raises(error, match=words) as caught:
            store.client_ids(host)
    assert REQUEST_TOKEN not in f"{caught.value}{vars(caught.value)}"
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert caught.value.hint
    assert caught.value.retryable is (error is StoreUnreachable)


def test_outside_of_a_job_or_without_the_permission_the_reason_is_told(settings):
    named = {"QLIK_KEYS_VAULT_AUTH": "github-actions", "VAULT_ROLE": "rotation"}
    with pytest.raises(ConfigurationError, match="ACTIONS_ID_TOKEN_REQUEST_URL is not set") as caught:
        settings(**named).store()
    assert "id-token: write" in caught.value.hint
    url = {"ACTIONS_ID_TOKEN_REQUEST_URL": "http://elsewhere.example/"}
    with pytest.raises(ConfigurationError, match="ACTIONS_ID_TOKEN_REQUEST_URL"):
        settings(**named, **url, ACTIONS_ID_TOKEN_REQUEST_TOKEN=REQUEST_TOKEN).store()


def test_a_token_in_a_file_by_environment(operator, rules, settings, host, tmp_path):
    (tmp_path / "token").write_text(operator.make_token(rules) + "\n")
    with settings(VAULT_TOKEN_PATH=str(tmp_path / "token")).store() as store:
        assert list(store.client_ids(host)) == []


def test_a_run_goes_on_when_its_vault_token_ends_before_each_step(  # noqa: PLR0917
    box, operator, open_vault, jobs, settings, platform, openbao
):
    ended = []
    named = {"QLIK_KEYS_VAULT_AUTH": "github-actions", "QLIK_KEYS_VAULT_AUTH_MOUNT": jobs, "VAULT_ROLE": "rotation"}
    store = settings(**named, **platform.variables).store()
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant, store:
        made = [qk.provision(tenant, store, name=f"long-run-{number}", scopes=["user_default"]) for number in range(2)]

        def end_token(event):
            if event.phase == "before":
                operator.client.auth.token.revoke(store._keeper._lease.token.reveal())
                ended.append(event.step)

        clock = SkewedClock(off_seconds=5)  # by which those that were made just now are due
        before = datetime.now(UTC) + timedelta(seconds=3)
        options = {"overlap": timedelta(0), "workers": 1, "clock": clock, "on_step": end_token}
        done = qk.rotate_due(tenant, store, client_ids=[each.client_id for each in made], before=before, **options)
        assert [each.outcome for each in done] == ["rotated"] * 2
        for each in made:
            assert store.read(tenant.host, each.client_id).current.kid != each.kid
            qk.delete(tenant, store, each.client_id, confirm=each.client_id)
    assert len(ended) >= 2 * 5
    assert len(platform.audiences) > len(ended) / 2  # a step that asks the tenant alone needs no login
