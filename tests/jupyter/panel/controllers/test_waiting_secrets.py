"""The secrets that are shown once, alone: each waits until it is stored, in every panel of the kernel."""

from __future__ import annotations

import pytest

from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.controllers.waiting_secrets import SecretsController
from qlik_keys.jupyter.panel.model.store import PanelStore

NAMES = ("one", "two", "three")


def secrets_of(*names):
    controller = SecretsController(PanelStore())
    for name in names:
        controller.keep(Secret(f"canary-of-{name}-0123456789"), name)
    return controller


def test_each_secret_waits_behind_the_one_before_and_only_storing_it_removes_it():
    secrets = secrets_of()
    secrets.keep(None, "nothing")
    assert (secrets.first(), secrets.note()) == (None, "")
    notes = []
    for name in NAMES:
        notes.append(bool(secrets.note()))
        secrets.keep(Secret(f"canary-of-{name}-0123456789"), name)
    assert notes == [False, False, True]
    for number, name in enumerate(NAMES):
        shown = secrets._store.state.secrets
        assert (shown.owner, shown.kind, shown.waiting) == (name, "Client secret", 3 - number)
        assert secrets.first().reveal() == f"canary-of-{name}-0123456789"
        assert "canary" not in repr(secrets._store.state)
        secrets.first_is_stored()
    assert (secrets.first(), secrets._store.state.secrets.owner) == (None, "")


@pytest.mark.parametrize(
    "again", [lambda secrets: None, lambda secrets: secrets.warn_again()], ids=["twice", "dismissed"]
)
def test_the_end_warns_once_and_again_if_the_warning_was_dismissed(again):
    secrets = secrets_of("one", "two")
    with pytest.raises(ConfigurationError, match="client secret of one, client secret of two"):
        secrets.drop_all()
    assert secrets.first() is not None
    again(secrets)
    if secrets._has_warned:
        secrets.drop_all()
        assert secrets.first() is None
    else:
        with pytest.raises(ConfigurationError):
            secrets.drop_all()


def test_a_new_secret_and_a_stored_one_are_warned_of_again():
    secrets = secrets_of("one", "two")
    for change in (lambda: secrets.keep(Secret("canary-of-three-0123456789"), "three"), secrets.first_is_stored):
        with pytest.raises(ConfigurationError):
            secrets.drop_all()
        change()
    with pytest.raises(ConfigurationError):
        secrets.drop_all()


def test_a_panel_takes_over_what_waits_in_others_and_storing_it_in_one_removes_it_from_all():
    first, second = secrets_of("one"), secrets_of()
    first.share()
    second.share()
    assert second.first() is first.first() is not None
    assert second._store.state.secrets.owner == "one"
    second.first_is_stored()
    assert first.first() is second.first() is None
    assert first._store.state.secrets.waiting == 0
