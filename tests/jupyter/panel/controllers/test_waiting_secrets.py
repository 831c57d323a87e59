"""The secrets that are shown once, alone: each waits until it is stored, in every panel of the kernel."""

from __future__ import annotations

import pytest

from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.controllers.waiting_secrets import SecretsController
from qlik_keys.jupyter.panel.model.store import PanelStore


def keep(secrets, name):
    secrets.keep(Secret(f"canary-of-{name}-0123456789"), name)


def secrets_of(*names):
    secrets = SecretsController(PanelStore())
    for name in names:
        keep(secrets, name)
    return secrets


def test_each_secret_waits_behind_the_one_before_and_only_storing_it_removes_it():
    secrets = secrets_of()
    secrets.keep(None, "nothing")
    assert (secrets.first(), secrets.note()) == (None, "")
    names, notes = ("one", "two", "three"), []
    for name in names:
        notes.append(bool(secrets.note()))
        keep(secrets, name)
    assert notes == [False, False, True]
    for number, name in enumerate(names):
        shown = secrets._store.state.secrets
        assert (shown.owner, shown.kind, shown.waiting) == (name, "Client secret", 3 - number)
        assert secrets.first().reveal() == f"canary-of-{name}-0123456789"
        assert "canary" not in repr(secrets._store.state)
        secrets.first_is_stored()
    assert (secrets.first(), secrets._store.state.secrets.owner) == (None, "")


def test_the_end_warns_once_and_again_after_a_change_or_a_dismissal():
    secrets = secrets_of("one", "two")
    changes = (secrets.warn_again, lambda: keep(secrets, "three"), secrets.first_is_stored)
    for change, names in zip(changes, ("one, two", "one, two", "one, two, three"), strict=True):
        words = ", ".join(f"client secret of {name}" for name in names.split(", "))
        with pytest.raises(ConfigurationError, match=words):
            secrets.drop_all()
        change()
    with pytest.raises(ConfigurationError, match="client secret of two, client secret of three"):
        secrets.drop_all()
    assert secrets.first() is not None
    secrets.drop_all()
    assert secrets.first() is None


def test_a_panel_has_the_secrets_that_wait_in_others_and_storing_one_removes_it_from_all():
    first, second = secrets_of("one"), secrets_of()
    first.share()
    second.share()
    assert second.first() is first.first() is not None
    assert second._store.state.secrets.owner == "one"
    second.first_is_stored()
    assert first.first() is second.first() is None
    assert first._store.state.secrets.waiting == 0
