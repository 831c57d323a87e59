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
from qlik_keys.lifecycle.options import (
    OPTIONS,
    AdoptOptions,
    DeleteOptions,
    ProvisionOptions,
    RetireOptions,
    RevokeOptions,
    RotateOptions,
)

FUNCTIONS = {
    "provision": qk.provision,
    "rotate": qk.rotate,
    "retire": qk.retire_due,
    "revoke": qk.revoke,
    "adopt": qk.adopt,
    "delete": qk.delete,
    "resume": qk.resume,
}
OF_THE_RUN = {"on_step", "cancel", "clock"}
OF_TEXT = {"name": "some", "scopes": ["user_default"], "confirm": "0" * 32}


def test_there_are_options_for_each_operation():
    assert set(OPTIONS) == set(FUNCTIONS)


@pytest.mark.parametrize("operation", OPTIONS)
def test_a_function_has_the_options_of_its_class_and_their_defaults(operation):
    takes = {
        name: each.default
        for name, each in inspect.signature(FUNCTIONS[operation]).parameters.items()
        if each.kind is inspect.Parameter.KEYWORD_ONLY and name not in OF_THE_RUN
    }
    needed = {name: OF_TEXT[name] for name, default in takes.items() if default is inspect.Parameter.empty}
    assert OPTIONS[operation](**needed).arguments == takes | needed


def test_commands_and_panel_have_the_same_defaults():
    group = typer.main.get_command(app)
    context = group.make_context("qlik-keys", [], resilient_parsing=True)

    def default(command, option):
        return next(each.default for each in group.get_command(context, command).params if each.name == option)

    assert timedelta(hours=default("rotate", "overlap_hours")) == RotateOptions().overlap == DEFAULT_OVERLAP
    assert timedelta(hours=float(ChangeForm(operation="rotate").overlap_hours)) == DEFAULT_OVERLAP
    for command, options in (("rotate", RotateOptions()), ("adopt", AdoptOptions())):
        assert timedelta(days=default(command, "rotate_after_days")) == options.rotate_after == ROTATE_AFTER
    asked = ProvisionOptions(name="some", scopes=["user_default"])
    assert asked.key == DEFAULT_KEY
    assert default("provision", "alg") == ClientForm(name="some").key_choice == DEFAULT_KEY.alg


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (RotateOptions, {"overlap": timedelta(seconds=-1)}),
        (RotateOptions, {"rotate_after": timedelta(hours=1)}),
        (RotateOptions, {"custody": "paper"}),
        (RevokeOptions, {"custody": "paper"}),
        (AdoptOptions, {"rotate_after": timedelta(days=5000)}),
        (AdoptOptions, {"custody": "paper"}),
    ],
    ids=str,
)
def test_a_value_out_of_bounds_is_refused(options, wrong):
    with pytest.raises(ConfigurationError):
        options(**wrong)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (RotateOptions, {"overlap": 24}),
        (RotateOptions, {"allow_swap": 1}),
        (RevokeOptions, {"allow_swap": "yes"}),
        (AdoptOptions, {"remove_secrets": 1}),
        (RetireOptions, {"force": 1}),
        (DeleteOptions, {"confirm": 5}),
        (DeleteOptions, {"keep_secret": 1}),
    ],
    ids=str,
)
def test_a_value_of_another_type_is_refused(options, wrong):
    with pytest.raises(TypeError, match=next(iter(wrong))):
        options(**wrong)
