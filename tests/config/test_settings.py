"""Settings: from arguments, the environment and a qlik-cli context; refused with a reason; and never shown."""

from __future__ import annotations

import os
import traceback
from dataclasses import replace

import pytest
import yaml

from qlik_keys.config.qlik_cli import contexts as qlik_cli
from qlik_keys.config.settings import Settings
from qlik_keys.errors import ConfigurationError

TENANT = "https://acme.eu.qlikcloud.com"
OTHER = "https://globex.us.qlikcloud.com"
CANARY = "canary-5f1c9e"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of one's own, and none of the machine's settings."""
    for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):  # the second is Windows'
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def contexts(home):
    """Write ~/.qlik/contexts.yml."""

    def write(document):
        path = home / ".qlik" / "contexts.yml"
        path.parent.mkdir(exist_ok=True)
        text = document if isinstance(document, str | bytes) else yaml.safe_dump(document)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return path

    return write


def one_context(server=TENANT, bearer="", **fields):
    """A file with the context "prod"; "_" in the name of a field stands for "-"."""
    found = {"server": server, **({"headers": {"Authorization": f"Bearer {bearer}"}} if bearer else {})}
    found |= {name.replace("_", "-"): value for name, value in fields.items()}
    return {"current-context": "prod", "contexts": {"prod": {name: value for name, value in found.items() if value}}}


def everything(error):
    """All that a traceback, verbose or not, could show of an error."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "qlik_keys" in frame.f_code.co_filename and "/tests/" not in frame.f_code.co_filename:
                texts.append(repr(frame.f_locals))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def refused(arguments, words):
    """What is told of settings that are refused, with a hint and without the canary."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        Settings.resolve(**arguments)
    assert CANARY not in everything(caught.value)
    return caught.value


@pytest.fixture
def resolve(monkeypatch, contexts):
    """Settings by these variables alone, this file of contexts and these arguments; secrets are in clear text."""

    def resolved(variables=(), document=None, **arguments):
        if document is not None:
            contexts(document)
        with monkeypatch.context() as patched:
            for name, value in dict(variables).items():
                patched.setenv(name, value)
            found = Settings.resolve(**arguments)
        values = {name: getattr(found, name) for name in ("api_key", "client_secret", "vault_token")}
        return replace(found, **{name: value and value.reveal() for name, value in values.items()})

    return resolved


class TestSources:
    def test_nothing_set_is_empty_settings(self, resolve):
        for document in (None, ""):
            found = resolve(document=document)
            assert (found.tenant_url, found.api_key, found.vault_url, found.vault_token) == ("", None, "", None)
            assert (found.sources, found.notices) == ({}, ())

    def test_an_argument_outranks_the_environment(self, resolve):
        environment = {"QLIK_TENANT_URL": OTHER, "QLIK_API_KEY": "from-there", "VAULT_TOKEN": "from-there"}
        found = resolve(environment, tenant_url=TENANT, api_key="given", vault_token="given")
        assert (found.tenant_url, found.api_key, found.vault_token) == (TENANT, "given", "given")
        assert found.sources["api_key"] == "the argument api_key"
        # A credential is taken whole from one source.
        found = resolve({"QLIK_CLIENT_ID": "abc", "QLIK_CLIENT_SECRET": "s3cret"}, api_key="key")
        assert (found.client_id, found.client_secret, found.api_key) == ("", None, "key")
        document = one_context(OTHER, oauth_client_id="abc", oauth_client_secret="s3cret")
        found = resolve({"QLIK_TENANT_URL": TENANT, "QLIK_API_KEY": "ours"}, document, context="prod")
        assert (found.tenant_url, found.client_id, found.client_secret) == (OTHER, "abc", "s3cret")
        assert found.api_key is None

    def test_the_environment_outranks_the_current_context_which_fills_what_is_missing(self, resolve):
        ours = {"QLIK_TENANT_URL": TENANT, "QLIK_API_KEY": "ours"}
        found = resolve(ours, one_context(OTHER, "theirs"))
        assert (found.tenant_url, found.api_key) == (TENANT, "ours")
        assert resolve(ours, "{").api_key == "ours"  # a file that is not needed is not read
        found = resolve({}, one_context(TENANT, "theirs"))
        assert (found.tenant_url, found.api_key) == (TENANT, "theirs")
        assert found.sources == {"tenant_url": "qlik-cli context 'prod'", "api_key": "qlik-cli context 'prod'"}
        # The client comes before the bearer that a login left; digits stay as they are written.
        found = resolve({}, one_context(TENANT, "expired", oauth_client_id="0o17", oauth_client_secret="s3cret"))
        assert (found.api_key, found.client_id) == (None, "0o17")
        text = "current-context: a\ncontexts: {a: {server: acme.eu.qlikcloud.com, oauth-client-id: 0o17, "
        found = resolve({}, text + "oauth-client-secret: 0123}}")
        assert (found.client_id, found.client_secret) == ("0o17", "0123")

    def test_a_context_s_key_goes_to_its_own_server_alone(self, resolve):
        asked = {"QLIK_TENANT_URL": TENANT}
        found = resolve(asked, one_context(OTHER, "theirs"))
        assert (found.tenant_url, found.api_key) == (TENANT, None)
        assert found.notices == ("ignored the qlik-cli context 'prod', which is for another tenant",)
        found = resolve(asked, one_context(TENANT + "/", headers={"authorization": "bearer them"}))
        assert (found.api_key, found.sources["tenant_url"]) == ("them", "QLIK_TENANT_URL")
        # The login of the tenant that is named by an argument is taken, of a context or of the environment.
        asked |= {"QLIK_API_KEY": CANARY}
        found = resolve(asked, one_context(OTHER, "of-the-context"), tenant_url=OTHER)
        assert found.sources["api_key"] == "qlik-cli context 'prod'"
        found = resolve(asked | {"QLIK_TENANT_URL": "acme.eu.qlikcloud.com/"}, tenant_url=TENANT)
        assert found.sources["api_key"] == "QLIK_API_KEY"
        assert resolve({"QLIK_API_KEY": CANARY}, "", tenant_url=OTHER).sources["api_key"] == "QLIK_API_KEY"

    def test_what_is_corrected_is_reported(self, resolve):
        found = resolve({"QLIK_API_KEY": " key\n", "VAULT_ADDR": " https://vault.example/ ", "QLIK_CLIENT_ID": "  "})
        assert (found.api_key, found.vault_url, found.client_id) == ("key", "https://vault.example", "")
        assert sorted(found.notices) == [
            "QLIK_API_KEY: removed the spaces around it",
            "QLIK_CLIENT_ID: is blank, ignored",
            "VAULT_ADDR: removed the spaces around it",
        ]
        found = resolve({"QLIK_TENANT_URL": "acme.eu.qlikcloud.com"})
        assert (found.tenant_url, found.notices) == (TENANT, ("QLIK_TENANT_URL: added https://",))

    def test_every_variable(self, resolve, tmp_path):
        certificate = tmp_path / "ca.pem"
        certificate.write_text("pem")
        values = {
            "tenant_url": ("QLIK_TENANT_URL", TENANT),
            "client_id": ("QLIK_CLIENT_ID", "abc"),
            "client_secret": ("QLIK_CLIENT_SECRET", "s3cret"),
            "vault_url": ("VAULT_ADDR", "https://vault.example:8200"),
            "vault_token": ("VAULT_TOKEN", "hvs.1"),
            "vault_namespace": ("VAULT_NAMESPACE", "team/a"),
            "vault_ca_cert": ("VAULT_CACERT", str(certificate)),
        }
        found = resolve(dict(values.values()))
        assert {name: str(getattr(found, name)) for name in values} == {name: each[1] for name, each in values.items()}
        assert (found.sources, found.notices) == ({name: each[0] for name, each in values.items()}, ())

    def test_the_token_file_of_the_vault_counts_after_the_variable(self, home, resolve):
        vault = {"vault_url": "https://vault.example"}
        (home / ".vault-token").write_text("hvs.file\n")
        found = resolve(**vault)
        assert (found.vault_token, found.sources["vault_token"]) == ("hvs.file", "~/.vault-token")
        assert found.notices == ()
        assert resolve({"VAULT_TOKEN": "hvs.variable"}, **vault).vault_token == "hvs.variable"
        (home / ".vault-token").write_bytes(b"\xff\xfe")
        refused(vault, r"~/\.vault-token cannot be read")
        (home / ".vault-token").unlink()
        (home / ".vault-token").mkdir()
        refused(vault, r"~/\.vault-token cannot be read")

    def test_a_vault_address_is_normalized(self, resolve):
        for text, url in (
            ("https://vault.example:8200/v1", "https://vault.example:8200"),
            ("https://vault.example/ui/vault/secrets?x=1", "https://vault.example"),
            ("https://example.com/vault/", "https://example.com/vault"),
            ("https://example.com/vault/v1/", "https://example.com/vault"),
            ("vault.example:8200", "https://vault.example:8200"),
            ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
            ("http://[::1]:8200", "http://[::1]:8200"),
        ):
            assert resolve(vault_url=text, vault_token="hvs.1").vault_url == url


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ({"api_key": "a", "client_id": "b", "client_secret": "c"}, "both set"),
            ({"api_key": "a", "client_secret": "c"}, "both set"),
            ({"client_id": "b"}, "no client secret"),
            ({"client_secret": "c"}, "no client id"),
            ({"tenant_url": "http://acme.eu.qlikcloud.com"}, "plain http"),
            ({"vault_url": "http://vault.example:8200"}, "plain http"),
            ({"vault_url": "https://vault example"}, "a space"),
            ({"vault_url": "https://"}, "not a URL"),
            ({"vault_url": "https://user:pw@vault.example"}, "a user or a password"),
            ({"tenant_url": "https://user:pw@acme.eu.qlikcloud.com"}, "a user or a password"),
            ({"vault_url": "unix:///run/vault.sock"}, "not a URL"),
            ({"vault_token": "hvs.a b"}, "not allowed in an HTTP header"),
            ({"api_key": "schlüssel"}, "not allowed in an HTTP header"),
            ({"api_key": 7}, "not text"),
            ({"vault_ca_cert": "/nowhere/ca.pem"}, "not a readable file"),
            ({"vault_ca_cert": "~nosuchuser/ca.pem"}, "not a readable file"),
            ({"tenant_url": ""}, "argument tenant_url is empty"),
            ({"api_key": " "}, "argument api_key is empty"),
            ({"vault_token": ""}, "argument vault_token is empty"),
            ({"context": ""}, "The name of the context is empty"),
        ],
    )
    def test_an_argument_is_refused_with_the_reason(self, arguments, reason):
        assert refused(arguments, reason).hint

    @pytest.mark.parametrize(
        ("document", "arguments", "words", "hint"),
        [
            (None, {"context": "prod"}, "no contexts here", ""),
            (one_context(OTHER, "theirs"), {"tenant_url": TENANT, "context": "prod"}, "another tenant", ""),
            (one_context(OTHER), {"context": "test"}, "'test'", "prod"),
            (one_context("", "x"), {}, "it has no server", ""),
            (one_context(oauth_client_id="abc"), {}, "no client secret", "--client NAME"),
            (one_context(headers={"Authorization": f"Basic {CANARY}"}), {}, "no bearer", ""),
            (f"b: &b {{server: '{TENANT}'}}\ncurrent-context: a\ncontexts:\n  a:\n    <<: *b\n", {}, "merge key", ""),
            ("#" * 1_000_001, {}, "too large", ""),
            (b"\xff\xfe\xfa", {}, "UTF-8", ""),
        ],
        ids=range(9),
    )
    def test_a_context_that_cannot_be_used_is_refused_with_the_reason(self, contexts, document, arguments, words, hint):
        if document is not None:
            contexts(document)
        assert hint in refused(arguments, words).hint

    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("Windows", "Qlik Sense Enterprise on Windows"),
            ("engine", "a Qlik engine"),
            ("somethingelse", "another kind of server"),
        ],
    )
    def test_a_context_of_another_kind_of_server_is_refused(self, contexts, monkeypatch, kind, words):
        path = contexts(one_context("https://sense.acme.example", CANARY, server_type=kind))
        for context in (None, "prod"):
            error = refused({"context": context}, f"cannot be used: it is for {words}")
            assert "QLIK_TENANT_URL" in error.hint
        assert qlik_cli.load_contexts(path).contexts["prod"].server == ""
        assert qlik_cli.known_contexts() == {}
        monkeypatch.setenv("QLIK_TENANT_URL", TENANT)
        refused({}, words)
        for cloud in ("cloud", "Cloud", ""):
            contexts(one_context(TENANT, CANARY, server_type=cloud))
            assert Settings.resolve().has_credential

    @pytest.mark.parametrize(
        ("document", "names_the_tenant"),
        [
            ("{", False),
            ({"current-context": "gone"}, False),
            (one_context("", "x"), False),
            (one_context(oauth_client_id="abc"), True),
            (one_context(headers={"Authorization": "Basic x"}), True),
        ],
    )
    def test_where_no_login_is_needed_no_context_is_in_the_way(self, resolve, document, names_the_tenant):
        with pytest.raises(ConfigurationError):
            resolve({"QLIK_TENANT_URL": TENANT}, document)
        found = resolve({"QLIK_TENANT_URL": TENANT}, login=False)
        assert (found.tenant_url, found.has_credential, found.notices) == (TENANT, False, ())
        for named in (None, "prod") if names_the_tenant else ():
            found = resolve(login=False, context=named)
            assert (found.tenant_url, found.has_credential) == (TENANT, False)

    def test_a_token_that_is_over_says_what_renews_it(self, contexts):
        comment = "qlik-keys: a token, ends 2026-01-31 10:00:30 UTC; qlik-keys token --client a --context prod"
        contexts(one_context(TENANT, "x", comment=comment))
        error = refused({}, "ended on 2026-01-31 at 10:00:30 UTC")
        assert error.hint == "Renew it: qlik-keys token --client a --context prod"
        for other in ("2099-01-31 10:00:30", "9999-99-99 99:99:99"):
            contexts(one_context(TENANT, "x", comment=comment.replace("2026-01-31 10:00:30", other)))
            assert Settings.resolve().has_credential


class TestContexts:
    def test_the_override_is_a_folder_or_a_file(self, tmp_path):
        for override, place in (("a", "a/.qlik/contexts.yml"), ("b", "b/contexts.yml"), ("mine.yaml", "mine.yaml")):
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place).write_text("{}")
            assert qlik_cli.find_context_file(tmp_path, str(tmp_path / override)) == tmp_path / place
        assert qlik_cli.find_context_file(tmp_path, str(tmp_path / "nowhere")) is None
        assert qlik_cli.find_context_file(tmp_path) is None

    def test_names_and_servers_without_secrets(self, contexts):
        document = one_context(TENANT, CANARY, comment="ours")
        document["contexts"]["dev"] = {"server": OTHER, "oauth-client-id": "abc", "oauth-client-secret": CANARY}
        document["contexts"]["odd"] = None
        found = qlik_cli.load_contexts(contexts(document))
        servers = {name: context.server for name, context in found.contexts.items()}
        assert servers == {"prod": TENANT, "dev": OTHER, "odd": ""}
        assert CANARY not in repr(found)

    def test_a_home_that_is_not_there(self, monkeypatch):
        monkeypatch.setenv("QLIK_CLI_USER_HOME_DIR", "~nosuchuser/x")
        assert refused({}, "home folder that does not exist").hint
        assert qlik_cli.known_contexts() == {}

    def test_a_user_without_a_home_has_no_files(self, monkeypatch):
        pwd = pytest.importorskip("pwd", reason="Windows has another place for homes")

        def unknown_user(number):
            raise KeyError(number)

        monkeypatch.delenv("HOME")
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        monkeypatch.setattr(pwd, "getpwuid", unknown_user)
        found = Settings.resolve(vault_url="https://vault.example")
        assert (found.tenant_url, found.vault_token, qlik_cli.known_contexts()) == ("", None, {})
        with pytest.raises(ConfigurationError, match="no contexts here"):
            qlik_cli.choose_context("prod")
        with pytest.raises(ConfigurationError, match="no home folder"):
            qlik_cli.new_context_file()

    def test_a_choice_holds_for_the_file_that_it_was_made_in(self, contexts, monkeypatch, tmp_path):
        both = {name: {"server": TENANT, "headers": {"Authorization": f"Bearer {name}"}} for name in ("prod", "dev")}
        mine = contexts({"current-context": "prod", "contexts": both})
        before = mine.read_bytes()
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        qlik_cli.choose_context("dev")
        assert Settings.resolve().api_key.reveal() == "dev"
        assert mine.read_bytes() == before
        (tmp_path / "other.yml").write_bytes(before)
        monkeypatch.setenv("QLIK_CLI_USER_HOME_DIR", str(tmp_path / "other.yml"))
        assert Settings.resolve().api_key.reveal() == "prod"
        monkeypatch.delenv("QLIK_CLI_USER_HOME_DIR")
        assert Settings.resolve().api_key.reveal() == "dev"

    def test_certificates_are_verified_all_the_same(self, contexts):
        contexts(one_context(TENANT, "theirs", insecure=True))
        assert "certificates are always verified" in Settings.resolve().notices[0]

    @pytest.mark.parametrize(
        "text",
        [
            f"contexts: [{CANARY}",
            f"- {CANARY}",
            CANARY,
            f"contexts: {CANARY}",
            f"contexts: {{a: {CANARY}}}\ncurrent-context: a",
            f"contexts: {{a: {{server: [{CANARY}]}}}}\ncurrent-context: a",
            f'contexts: "\\UFFFFFFFF{CANARY}"',
            f"? [{CANARY}]\n: b",
            "&a [*a]",
            "contexts: &a {a: *a}\ncurrent-context: a",
            "[" * 5000,
            f"\x00{CANARY}",
            f"!!python/object/apply:os.system [{CANARY}]",
            f"current-context: a\ncontexts: {{a: {{server: a.example, headers: {{Authorization: Bearer {CANARY}ü}}}}}}",
            f"current-context: a\ncontexts: {{a: {{server: 'https://u:{CANARY}@acme.eu.qlikcloud.com'}}}}",
            f"current-context: a\ncontexts: {{a: {{server: a.example, headers: {{Authorization: [{CANARY}]}}}}}}",
        ],
        ids=range(16),
    )
    def test_a_malformed_file_is_refused_and_not_quoted(self, contexts, text):
        contexts(text)
        refused({}, ".")

    def test_an_odd_file_that_is_not_refused_shows_no_secret(self, contexts):
        for text in (
            f"current-context: a\ncontexts: {{a: {{server: a.example, headers: [{CANARY}]}}}}",
            f"current-context: a\ncontexts: {{a: {{server: a.example, oauth-client-id: {{}}, insecure: [{CANARY}]}}}}",
            f"current-context: [a]\ncontexts: {{a: {{server: 2001-99-99, oauth-client-secret: [{CANARY}]}}}}",
        ):
            contexts(text)
            assert CANARY not in repr(Settings.resolve())


@pytest.mark.parametrize("name", ["api_key", "client_secret", "vault_token"])
def test_a_refused_secret_is_in_no_frame_and_one_that_is_taken_in_no_repr(monkeypatch, name):
    assert CANARY not in repr(Settings.resolve(**{name: CANARY, **({"client_id": "a"} if "_s" in name else {})}))
    refused({name: f"{CANARY}\x7f"}, ".")
    refused({name: CANARY, "tenant_url": "http://acme.eu.qlikcloud.com"}, ".")
    refused({name: CANARY, "context": "nowhere"}, ".")
    variable = "VAULT_TOKEN" if name == "vault_token" else f"QLIK_{name.upper()}"
    monkeypatch.setenv(variable, f"{CANARY} {CANARY}")
    refused({}, f"^{variable} ")


@pytest.mark.parametrize(
    ("arguments", "make", "words"),
    [
        ({}, Settings.tenant, "No tenant"),
        ({"tenant_url": TENANT}, Settings.tenant, "No credential is configured for https://acme"),
        ({}, Settings.store, "No Vault"),
        ({"vault_url": "https://vault.example"}, Settings.store, "No token"),
    ],
)
def test_what_is_missing_is_named(arguments, make, words):
    with pytest.raises(ConfigurationError, match=words):
        make(Settings.resolve(**arguments))


def test_a_tenant_by_api_key_or_client_secret():
    for login, by_key in (({"api_key": "key"}, True), ({"client_id": "abc", "client_secret": "s3cret"}, False)):
        with Settings.resolve(tenant_url=TENANT, **login).tenant() as tenant:
            assert (tenant.url, "API key" in repr(tenant)) == (TENANT, by_key)


@pytest.mark.parametrize("address", [TENANT, "not an address", "https://me@acme.eu.qlikcloud.com"])
@pytest.mark.parametrize("login", [{"QLIK_API_KEY": CANARY}, {"QLIK_CLIENT_ID": "abc", "QLIK_CLIENT_SECRET": CANARY}])
def test_the_environment_s_login_stays_with_the_tenant_that_stands_next_to_it(address, login, monkeypatch, contexts):
    contexts({"current-context": "", "contexts": {"bare": {"server": OTHER}}})
    for name, value in {"QLIK_TENANT_URL": address, **login}.items():
        monkeypatch.setenv(name, value)
    for asked in ({"tenant_url": OTHER}, {"context": "bare"}):
        found = Settings.resolve(**asked)
        assert (found.tenant_url, found.has_credential) == (OTHER, False)
        assert f"ignored {' and '.join(login)}" in found.notices[-1]
        with pytest.raises(ConfigurationError) as caught:
            found.tenant()
        assert "QLIK_TENANT_URL" in caught.value.hint
        assert CANARY not in everything(caught.value)
    assert Settings.resolve(tenant_url=OTHER, api_key="given-with-it").has_credential
