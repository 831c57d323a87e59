"""Each operation has one class of options: the same defaults and bounds for function, preview, command and panel."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
import typer

import qlik_keys as qk
from qlik_keys.cli.app import app
from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.model.forms import ChangeForm, ClientForm
from qlik_keys.keys.spec import DEFAULT_KEY, DEFAULT_OVERLAP, ROTATE_AFTER
from qlik_keys.lifecycle.actions import ACTIONS, Action
from qlik_keys.lifecycle.options import OPTIONS, AdoptOptions, ProvisionOptions, RotateOptions

OF_THE_RUN = {"on_result", "on_step", "cancel", "clock"}
OF_TEXT = {"name": "some", "scopes": ["user_default"], "confirm": "0" * 32}
OPERATIONS = ("provision", "rotate", "retire", "revoke", "adopt", "delete", "resume")


def test_a_function_has_the_options_of_its_class_and_their_defaults():
    assert set(OPTIONS) == set(OPERATIONS)
    for operation in OPERATIONS:
        function = qk.retire_due if operation == "retire" else getattr(qk, operation)
        takes = {
            name: each.default
            for name, each in inspect.signature(function).parameters.items()
            if each.kind is inspect.Parameter.KEYWORD_ONLY and name not in OF_THE_RUN
        }
        needed = {name: OF_TEXT[name] for name, default in takes.items() if default is inspect.Parameter.empty}
        assert OPTIONS[operation](**needed).arguments == takes | needed


def test_commands_and_panel_have_the_same_defaults():
    group = typer.main.get_command(app)
    context = group.make_context("qlik-keys", [], resilient_parsing=True)

    def default(command, option):
        return next(each.default for each in group.get_command(context, command).params if each.name == option)

    assert default("rotate", "overlap_hours") is RotateOptions().overlap is None  # as declared, else as everywhere
    assert default("rotate", "rotate_after_days") is RotateOptions().rotate_after is None
    assert timedelta(hours=float(ChangeForm(operation="rotate").overlap_hours)) == DEFAULT_OVERLAP
    assert timedelta(days=default("adopt", "rotate_after_days")) == AdoptOptions().rotate_after == ROTATE_AFTER
    assert ProvisionOptions(name="some", scopes=["user_default"]).key == DEFAULT_KEY
    assert default("provision", "alg") == ClientForm(name="some").key_choice == DEFAULT_KEY.alg


WRONG = [
    ("rotate", {"overlap": timedelta(seconds=-1)}, ConfigurationError, "overlap"),
    ("rotate", {"overlap": timedelta(days=99_999)}, ConfigurationError, "ten years"),
    ("rotate", {"rotate_after": timedelta(hours=1)}, ConfigurationError, "one day"),
    ("adopt", {"rotate_after": timedelta(days=999_999)}, ConfigurationError, "ten years"),
    ("rotate", {"custody": "paper"}, ConfigurationError, "no custody 'paper'"),
    ("revoke", {"custody": "paper"}, ConfigurationError, "no custody 'paper'"),
    ("adopt", {"custody": "paper"}, ConfigurationError, "no custody 'paper'"),
    ("rotate", {"overlap": 24}, TypeError, "overlap"),
    ("rotate", {"allow_swap": 1}, TypeError, "allow_swap"),
    ("revoke", {"allow_swap": "yes"}, TypeError, "allow_swap"),
    ("adopt", {"remove_secrets": 1}, TypeError, "remove_secrets"),
    ("retire", {"force": 1}, TypeError, "force"),
    ("delete", {"confirm": 5}, TypeError, "confirm"),
    ("delete", {"keep_secret": 1}, TypeError, "keep_secret"),
]


@pytest.mark.parametrize(("operation", "wrong", "kind", "words"), WRONG)
def test_a_value_out_of_bounds_or_of_another_type_is_refused(operation, wrong, kind, words):
    with pytest.raises(kind, match=words):
        OPTIONS[operation](**wrong)


def test_each_action_has_its_facts():
    assert list(ACTIONS) == list(Action)
    assert len({facts.title for facts in ACTIONS.values()}) == len(ACTIONS)
    irreversible = {action.value for action, facts in ACTIONS.items() if not facts.is_reversible}
    on_both = {"replace_secret", "remove_duplicate", "remove_secrets", "delete_client", "end_tokens", "remove_bot"}
    assert irreversible == on_both | {"retire", "purge", "delete_record"}
    on_tenant = {action.value for action, facts in ACTIONS.items() if facts.system == "tenant"}
    assert on_tenant == on_both | {"register", "trust", "publish", "swap", "unpublish"}
