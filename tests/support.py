"""What several tests share: a clock that is moved by hand, a client on a sandbox, qlik-cli contexts for it."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time

import qlik_keys as qk

PATIENCE_SECONDS = 60


class ManualClock:
    """A clock that moves only when told to, or when somebody sleeps on it."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds

    def advance(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


def wait_for(look, what, seconds=PATIENCE_SECONDS):
    """Return what a look finds as soon as it finds something; fail with those words where it finds nothing in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


def machine_client(name, *keys, **changes):
    """What is asked of a tenant for a machine-to-machine client: by these keys, or by a secret where there is none."""
    from qlik_keys.tenant import NewOAuthClient

    fields = {
        "app_type": "web",
        "client_name": name,
        "allowed_scopes": ("user_default",),
        "allowed_grant_types": ("client_credentials",),
        "allowed_auth_methods": ("private_key_jwt",) if keys else ("client_secret",),
        "public_keys": tuple(key.public for key in keys),
        "consent_method": "trusted",
    }
    return NewOAuthClient(**{**fields, **changes})


def environment_of(box):
    """The variables by which somebody uses a sandbox as their tenant and Vault."""
    return {
        "QLIK_TENANT_URL": box.tenant_url,
        "QLIK_API_KEY": box.api_key,
        "VAULT_ADDR": box.vault_url,
        "VAULT_TOKEN": box.vault_token,
    }


@contextlib.contextmanager
def made_client(box, name, **options):
    """A client on a sandbox, with its key in the Vault, for as long as the block."""
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        made = qk.provision(tenant, store, name=name, **{"scopes": ["user_default"], **options})
        yield made
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)


def write_contexts(home, box):
    """Write qlik-cli contexts, "practice" for a sandbox and "elsewhere" for no tenant of ours; return the file."""
    folder = home / ".qlik"
    folder.mkdir()
    file = folder / "contexts.yml"
    file.write_text(
        f"current-context: elsewhere\ncontexts:\n"
        f"  practice:\n    server: {box.tenant_url}\n    comment: for exercises\n"
        f"    headers:\n      Authorization: Bearer {box.api_key}\n"
        "  elsewhere:\n    server: https://acme.eu.qlikcloud.com\n    oauth-client-id: abc\n"
        "    oauth-client-secret: canary-of-a-client-secret\n"
    )
    return file


def move_in(monkeypatch, home, box):
    """Make a folder this process's home and working folder, with a user's environment; return the file of contexts."""
    for name, value in environment_of(box).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("QLIK_CLI_USER_HOME_DIR", raising=False)
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    return write_contexts(home, box)


def connected_presenter(box):
    """The panel without widgets, connected to a sandbox; what it does is done when its call returns."""
    from qlik_keys.config.settings import Settings
    from qlik_keys.core.secret import Secret
    from qlik_keys.jupyter.panel.controllers.presenter import Presenter
    from qlik_keys.jupyter.panel.model.state import ConnectForm

    presenter = Presenter(settings=Settings(), run=lambda task: task())
    form = ConnectForm(
        tenant_url=box.tenant_url,
        credential="api_key",
        api_key=Secret(box.api_key),
        vault_url=box.vault_url,
        vault_token=Secret(box.vault_token),
    )
    presenter.connect(lambda: form)
    return presenter


def made_in_panel(presenter, name, *, scopes=("user_default",), **changes):
    """The id of a client that the panel has made."""
    from qlik_keys.jupyter.panel.model.state import ClientForm

    presenter.make_client(ClientForm(name=name, scopes=scopes, **changes))
    assert presenter.state.error is None
    return presenter.last_made.client_id
