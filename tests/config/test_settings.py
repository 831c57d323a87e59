"""Settings: from arguments, the environment and a qlik-cli context; refused with a reason; and never shown."""

from __future__ import annotations

import os
import re
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qlik_keys.config.qlik_cli.contexts import (
    choose_context,
    find_context_file,
    known_contexts,
    load_contexts,
    new_context_file,
)
from qlik_keys.config.settings import Settings
from qlik_keys.errors import ConfigurationError

VARIABLES = (
    *("QLIK_TENANT_URL", "QLIK_API_KEY", "QLIK_CLIENT_ID", "QLIK_CLIENT_SECRET", "QLIK_CLI_USER_HOME_DIR"),
    *("VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "VAULT_CACERT"),
)
TENANT = "https://acme.eu.qlikcloud.com"
OTHER = "https://globex.us.qlikcloud.com"
CANARY = "canary-5f1c9e"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of one's own, and none of the machine's settings."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):  # the second is Windows'
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def contexts(home):
    """Write ~/.qlik/contexts.yml."""

    def write(document):
        path = home / ".qlik" / "contexts.yml"
        path.parent.mkdir(exist_ok=True)
        if isinstance(document, bytes):
            path.write_bytes(document)
        else:
            path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        return path

    return write


def one_context(server=TENANT, bearer="", **fields):
    """A file with the context "prod"; "_" in the name of a field stands for "-"."""
    found = {"server": server, **({"headers": {"Authorization": f"Bearer {bearer}"}} if bearer else {})}
    found |= {name.replace("_", "-"): value for name, value in fields.items()}
    return {"current-context": "prod", "contexts": {"prod": {name: value for name, value in found.items() if value}}}


def everything(error):
    """All that a traceback, verbose or not, could show of an error."""
    texts, seen = [], error
    while seen is not None:
        texts += [str(seen), repr(seen), repr(vars(seen)), "".join(traceback.format_exception(seen))]
        frame = seen.__traceback__
        while frame is not None:
            if "qlik_keys" in frame.tb_frame.f_code.co_filename and "/tests/" not in frame.tb_frame.f_code.co_filename:
                texts.append(repr(frame.tb_frame.f_locals))
            frame = frame.tb_next
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


@pytest.fixture
def resolve(monkeypatch, contexts):
    """Settings by these variables alone, this file of contexts and these arguments; secrets are in clear text."""

    def resolved(variables=(), document=None, **arguments):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in dict(variables).items():
            monkeypatch.setenv(name, value)
        if document is not None:
            contexts(document)
        found = Settings.resolve(**arguments)
        values = {name: getattr(found, name) for name in ("api_key", "client_secret", "vault_token")}
        return replace(found, **{name: value and value.reveal() for name, value in values.items()})

    return resolved


class TestSources:
    def test_nothing_set_is_empty_settings(self, resolve):
        found = resolve()
        assert (found.tenant_url, found.api_key, found.vault_url, found.vault_token) == ("", None, "", None)
        assert (found.sources, found.notices) == ({}, ())
        assert resolve(document="").tenant_url == ""

    def test_an_argument_outranks_the_environment(self, resolve):
        environment = {"QLIK_TENANT_URL": OTHER, "QLIK_API_KEY": "from-there", "VAULT_TOKEN": "from-there"}
        found = resolve(environment, tenant_url=TENANT, api_key="given", vault_token="given")
        assert (found.tenant_url, found.api_key, found.vault_token) == (TENANT, "given", "given")
        assert found.sources["api_key"] == "the argument api_key"
        # A credential is taken whole from one source.
        found = resolve({"QLIK_CLIENT_ID": "abc", "QLIK_CLIENT_SECRET": "s3cret"}, api_key="key")
        assert (found.client_id, found.client_secret, found.api_key) == ("", None, "key")

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
        found = resolve({"QLIK_TENANT_URL": TENANT}, one_context(OTHER, "theirs"))
        assert (found.tenant_url, found.api_key) == (TENANT, None)
        assert found.notices == ("ignored the qlik-cli context 'prod', which is for another tenant",)
        found = resolve(
            {"QLIK_TENANT_URL": TENANT}, one_context(TENANT + "/", headers={"authorization": "bearer them"})
        )
        assert (found.api_key, found.sources["tenant_url"]) == ("them", "QLIK_TENANT_URL")

    def test_a_named_context_outranks_the_environment(self, resolve):
        document = one_context(OTHER, oauth_client_id="abc", oauth_client_secret="s3cret")
        found = resolve({"QLIK_TENANT_URL": TENANT, "QLIK_API_KEY": "ours"}, document, context="prod")
        assert (found.tenant_url, found.client_id, found.client_secret) == (OTHER, "abc", "s3cret")
        assert found.api_key is None

    def test_what_is_corrected_is_reported(self, resolve):
        found = resolve({"QLIK_API_KEY": " key\n", "VAULT_ADDR": " https://vault.example/ "})
        assert (found.api_key, found.vault_url) == ("key", "https://vault.example")
        assert found.notices == tuple(
            f"{name}: removed the spaces around it" for name in ("QLIK_API_KEY", "VAULT_ADDR")
        )
        found = resolve({"QLIK_CLIENT_ID": "  "}, api_key="key")
        assert (found.client_id, found.notices) == ("", ("QLIK_CLIENT_ID: is blank, ignored",))
        found = resolve({"QLIK_TENANT_URL": "acme.eu.qlikcloud.com"})
        assert (found.tenant_url, found.notices) == (TENANT, ("QLIK_TENANT_URL: added https://",))

    def test_every_variable(self, monkeypatch, tmp_path):
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
        for name, value in values.values():
            monkeypatch.setenv(name, value)
        found = Settings.resolve()
        for name, (variable, value) in values.items():
            each = getattr(found, name)
            assert (each.reveal() if hasattr(each, "reveal") else str(each)) == value
            assert found.sources[name] == variable
        assert (len(found.sources), found.notices) == (len(values), ())

    def test_the_token_file_of_the_vault_counts_after_the_variable(self, home, monkeypatch):
        (home / ".vault-token").write_text("hvs.file\n")
        found = Settings.resolve(vault_url="https://vault.example")
        assert (found.vault_token.reveal(), found.sources["vault_token"]) == ("hvs.file", "~/.vault-token")
        assert found.notices == ()
        monkeypatch.setenv("VAULT_TOKEN", "hvs.variable")
        assert Settings.resolve(vault_url="https://vault.example").vault_token.reveal() == "hvs.variable"

    @pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_bytes(b"\xff\xfe")], ids=["folder", "bytes"])
    def test_an_unreadable_token_file(self, home, make):
        make(home / ".vault-token")
        with pytest.raises(ConfigurationError, match=r"~/\.vault-token cannot be read"):
            Settings.resolve(vault_url="https://vault.example")

    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("https://vault.example:8200/", "https://vault.example:8200"),
            ("https://vault.example:8200/v1", "https://vault.example:8200"),
            ("https://vault.example/ui/vault/secrets?x=1", "https://vault.example"),
            ("https://example.com/vault/", "https://example.com/vault"),
            ("https://example.com/vault/v1/", "https://example.com/vault"),
            ("vault.example:8200", "https://vault.example:8200"),
            ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
            ("http://[::1]:8200", "http://[::1]:8200"),
        ],
    )
    def test_a_vault_address_is_normalized(self, text, url):
        assert Settings.resolve(vault_url=text, vault_token="hvs.1").vault_url == url


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
        with pytest.raises(ConfigurationError, match=reason) as caught:
            Settings.resolve(**arguments)
        assert caught.value.hint

    def test_a_refusal_names_the_variable(self, monkeypatch):
        monkeypatch.setenv("QLIK_CLIENT_ID", "abc")
        with pytest.raises(ConfigurationError, match=r"^QLIK_CLIENT_ID is set"):
            Settings.resolve()

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
        ids=[
            *("no file", "another tenant's", "another name", "no server", "half a client", "another scheme"),
            *("a merge key", "too large", "not UTF-8"),
        ],
    )
    def test_a_context_that_cannot_be_used_is_refused_with_the_reason(self, contexts, document, arguments, words, hint):
        if document is not None:
            contexts(document)
        with pytest.raises(ConfigurationError, match=words) as caught:
            Settings.resolve(**arguments)
        assert hint in caught.value.hint
        assert CANARY not in everything(caught.value)

    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("windows", "Qlik Sense Enterprise on Windows"),
            ("Windows", "Qlik Sense Enterprise on Windows"),
            ("engine", "a Qlik engine"),
            ("somethingelse", "another kind of server"),
        ],
    )
    def test_a_context_of_another_kind_of_server_is_refused(self, contexts, monkeypatch, kind, words):
        path = contexts(one_context("https://sense.acme.example", CANARY, server_type=kind))
        for context in (None, "prod"):
            with pytest.raises(ConfigurationError, match=f"cannot be used: it is for {words}") as caught:
                Settings.resolve(context=context)
            assert "QLIK_TENANT_URL" in caught.value.hint
            assert CANARY not in everything(caught.value)
        assert load_contexts(path).contexts["prod"].server == ""
        assert known_contexts() == {}
        monkeypatch.setenv("QLIK_TENANT_URL", TENANT)
        with pytest.raises(ConfigurationError, match=words):
            Settings.resolve()

    @pytest.mark.parametrize("kind", ["cloud", "Cloud", ""])
    def test_a_context_of_qlik_cloud_says_so_or_nothing(self, contexts, kind):
        contexts(one_context(TENANT, CANARY, server_type=kind))
        assert Settings.resolve().tenant_url == TENANT

    @pytest.mark.parametrize(
        "document",
        [
            "{",
            {"current-context": "gone"},
            one_context("", "x"),
            one_context(oauth_client_id="abc"),
            one_context(headers={"Authorization": "Basic x"}),
        ],
    )
    def test_where_no_login_is_needed_no_context_is_in_the_way(self, contexts, monkeypatch, document):
        contexts(document)
        monkeypatch.setenv("QLIK_TENANT_URL", TENANT)
        with pytest.raises(ConfigurationError):
            Settings.resolve()
        found = Settings.resolve(login=False)
        assert (found.tenant_url, found.has_credential, found.notices) == (TENANT, False, ())

    @pytest.mark.parametrize(
        "login", [{}, {"oauth_client_id": "abc"}, {"headers": {"Authorization": "Basic x"}}], ids=str
    )
    def test_where_no_login_is_needed_a_context_without_one_names_the_tenant(self, contexts, login):
        contexts(one_context(server=TENANT, **login))
        for named in (None, "prod"):
            found = Settings.resolve(login=False, context=named)
            assert (found.tenant_url, found.has_credential) == (TENANT, False)

    def test_a_token_that_is_over_says_what_renews_it(self, contexts):
        comment = "qlik-keys: a token, ends 2026-01-31 10:00:30 UTC; qlik-keys token --client a --context prod"
        contexts(one_context(TENANT, "x", comment=comment))
        with pytest.raises(ConfigurationError, match="ended on 2026-01-31 at 10:00:30 UTC") as caught:
            Settings.resolve()
        assert caught.value.hint == "Renew it: qlik-keys token --client a --context prod"
        for other in ("2099-01-31 10:00:30", "9999-99-99 99:99:99"):
            contexts(one_context(TENANT, "x", comment=comment.replace("2026-01-31 10:00:30", other)))
            assert Settings.resolve().has_credential


def names_of_contexts(text):
    try:
        document = yaml.load(text, yaml.BaseLoader)
    except (yaml.YAMLError, ValueError):
        return ""
    if not isinstance(document, dict):
        return ""
    named = document.get("contexts")
    return repr([document.get("current-context"), [*named] if isinstance(named, dict) else []])


class TestContexts:
    def test_the_override_is_a_folder_or_a_file(self, tmp_path):
        (tmp_path / "a" / ".qlik").mkdir(parents=True)
        (tmp_path / "b").mkdir()
        expected = [tmp_path / "a" / ".qlik" / "contexts.yml", tmp_path / "b" / "contexts.yml", tmp_path / "mine.yaml"]
        for path in expected:
            path.write_text("{}")
        overrides = [tmp_path / "a", tmp_path / "b", tmp_path / "mine.yaml"]
        assert [find_context_file(tmp_path, str(override)) for override in overrides] == expected
        assert find_context_file(tmp_path, str(tmp_path / "nowhere")) is None
        assert find_context_file(tmp_path) is None

    def test_the_override_is_used_and_its_file_is_not_changed(self, monkeypatch, tmp_path):
        path = tmp_path / "elsewhere.yml"
        path.write_text(yaml.safe_dump(one_context(TENANT, "theirs")))
        before = (path.read_bytes(), path.stat().st_mtime_ns)
        monkeypatch.setenv("QLIK_CLI_USER_HOME_DIR", str(path))
        assert Settings.resolve().tenant_url == TENANT
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before

    def test_names_and_servers_without_secrets(self, contexts):
        document = one_context(TENANT, CANARY, comment="ours")
        client = {"server": OTHER, "oauth-client-id": "abc", "oauth-client-secret": CANARY}
        found = load_contexts(contexts({"contexts": {**document["contexts"], "dev": client, "odd": None}}))
        servers = {name: context.server for name, context in found.contexts.items()}
        assert servers == {"prod": TENANT, "dev": OTHER, "odd": ""}
        assert CANARY not in repr(found)

    def test_a_home_that_is_not_there(self, monkeypatch):
        monkeypatch.setenv("QLIK_CLI_USER_HOME_DIR", "~nosuchuser/x")
        with pytest.raises(ConfigurationError, match="home folder that does not exist") as caught:
            Settings.resolve()
        assert caught.value.hint
        assert known_contexts() == {}

    def test_a_user_without_a_home_has_no_files(self, monkeypatch):
        pwd = pytest.importorskip("pwd", reason="Windows has another place for homes")

        def unknown_user(number):
            raise KeyError(number)

        monkeypatch.delenv("HOME")
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        monkeypatch.setattr(pwd, "getpwuid", unknown_user)
        found = Settings.resolve(vault_url="https://vault.example")
        assert (found.tenant_url, found.vault_token, known_contexts()) == ("", None, {})
        with pytest.raises(ConfigurationError, match="no contexts here"):
            choose_context("prod")
        with pytest.raises(ConfigurationError, match="no home folder"):
            new_context_file()

    def test_a_choice_holds_for_the_file_that_it_was_made_in(self, contexts, monkeypatch, tmp_path):
        both = {name: {"server": TENANT, "headers": {"Authorization": f"Bearer {name}"}} for name in ("prod", "dev")}
        mine = contexts({"current-context": "prod", "contexts": both})
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        choose_context("dev")
        assert Settings.resolve().api_key.reveal() == "dev"
        (tmp_path / "other.yml").write_text(mine.read_text())
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
        ],
    )
    def test_a_malformed_file_is_refused_and_not_quoted(self, contexts, text):
        contexts(text)
        with pytest.raises(ConfigurationError) as caught:
            Settings.resolve()
        assert CANARY not in everything(caught.value)

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_any_file_gives_settings_or_our_own_error(self, contexts, data):
        words = st.sampled_from(
            "current-context contexts a server headers Authorization oauth-client-id oauth-client-secret insecure << ~ "
            f"2001-99-99 {TENANT} Bearer|{CANARY} Bearer|{CANARY}|{CANARY} https://u:{CANARY}@h".split()
        ).map(lambda word: word.replace("|", " "))
        values = st.recursive(
            words | st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
        )
        fields = st.dictionaries(words, values, max_size=6)
        near = st.fixed_dictionaries(
            {"current-context": st.just("a"), "contexts": st.fixed_dictionaries({"a": fields})}
        )
        text = data.draw(
            st.text() | (near | fields | values).map(lambda value: yaml.safe_dump(value, allow_unicode=True))
        )
        # The names of contexts are quoted, since they are no secrets; a secret in their place is not looked for.
        assume(CANARY not in names_of_contexts(text))
        assume(not re.search(f"server.{{0,8}}{CANARY}", text))  # nor is it in the place of a host name, which is shown
        contexts("").write_text(text, encoding="utf-8", errors="surrogatepass")
        found, refused = None, None
        try:
            found = Settings.resolve()
        except ConfigurationError as error:
            refused = error
        assert CANARY not in (repr(found) if refused is None else everything(refused))


class TestSecrets:
    def test_repr_shows_none(self):
        found = Settings.resolve(
            tenant_url=TENANT, client_id="abc", client_secret=CANARY, vault_url="https://v.example", vault_token=CANARY
        )
        assert CANARY not in repr(found)
        assert CANARY not in str(vars(type(found)))

    @pytest.mark.parametrize("name", ["api_key", "client_secret", "vault_token"])
    @pytest.mark.parametrize("extra", [{}, {"tenant_url": "http://acme.eu.qlikcloud.com"}, {"context": "nowhere"}])
    def test_a_refused_argument_is_in_no_frame(self, name, extra):
        with pytest.raises(ConfigurationError) as caught:
            Settings.resolve(**{name: f"{CANARY}\x7f" if not extra else CANARY, **extra})
        assert CANARY not in everything(caught.value)

    def test_a_refused_variable_is_in_no_frame(self, monkeypatch):
        monkeypatch.setenv("QLIK_API_KEY", f"{CANARY} {CANARY}")
        with pytest.raises(ConfigurationError) as caught:
            Settings.resolve()
        assert CANARY not in everything(caught.value)
        assert os.environ["QLIK_API_KEY"].startswith(CANARY)


class TestWiring:
    @pytest.mark.parametrize(
        ("arguments", "make", "words"),
        [
            ({}, Settings.tenant, "No tenant"),
            ({"tenant_url": TENANT}, Settings.tenant, "No credential is configured for https://acme"),
            ({}, Settings.store, "No Vault"),
            ({"vault_url": "https://vault.example"}, Settings.store, "No token"),
        ],
    )
    def test_what_is_missing_is_named(self, arguments, make, words):
        with pytest.raises(ConfigurationError, match=words):
            make(Settings.resolve(**arguments))

    def test_a_tenant_by_api_key_or_client_secret(self):
        with Settings.resolve(tenant_url=TENANT, api_key="key").tenant() as tenant:
            assert tenant.url == TENANT
            assert "API key" in repr(tenant)
        with Settings.resolve(tenant_url=TENANT, client_id="abc", client_secret="s3cret").tenant() as tenant:
            assert "API key" not in repr(tenant)

    def test_a_store_reaches_the_vault(self, openbao):
        with Settings.resolve(vault_url=openbao.url + "/", vault_token=openbao.token).store() as store:
            assert store.client_ids("acme.eu.qlikcloud.com") == []


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


def test_the_login_of_the_tenant_that_is_asked_for_is_taken(resolve):
    there = {"QLIK_TENANT_URL": TENANT, "QLIK_API_KEY": CANARY}
    found = resolve(there, one_context(OTHER, "of-the-context"), tenant_url=OTHER)
    assert found.sources["api_key"] == "qlik-cli context 'prod'"
    found = resolve(there | {"QLIK_TENANT_URL": "acme.eu.qlikcloud.com/"}, tenant_url=TENANT)
    assert found.sources["api_key"] == "QLIK_API_KEY"
    assert resolve({"QLIK_API_KEY": CANARY}, "", tenant_url=OTHER).sources["api_key"] == "QLIK_API_KEY"
