"""A duration that is typed as an option, as people write it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import typer

from qlik_keys.cli.options.common import duration


@pytest.mark.parametrize("text", ["14d", " 14 D ", "2w", "336h", "P14D", "PT336H"])
def test_a_duration_is_taken_in_any_case_and_with_spaces(text):
    assert duration(text) == timedelta(days=14)


@pytest.mark.parametrize("text", ["", "14", "soon", "-1d", "1.5d", "999999w"])
def test_what_is_none_is_refused(text):
    with pytest.raises(typer.BadParameter):
        duration(text)
