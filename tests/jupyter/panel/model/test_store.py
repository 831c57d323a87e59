"""The store: a listener is told of its own groups, once for each change, and in turn."""

from __future__ import annotations

import pytest

from qlik_keys.jupyter.panel.model.store import PanelStore


@pytest.fixture
def store():
    return PanelStore()


def test_a_listener_is_told_of_its_own_groups_alone(store):
    told = {"tab": 0, "work": 0, "any": 0}

    def count(name):
        return lambda _: told.update({name: told[name] + 1})

    store.listen(count("tab"), "tab")
    store.listen(count("work"), "work")
    store.listen(count("any"))
    assert told == {"tab": 1, "work": 1, "any": 1}  # of the state as it is
    store.set(tab="Audit")
    store.update("work", doing="something")
    assert told == {"tab": 2, "work": 2, "any": 3}
    store.set(tab="Clients", work=store.state.work)
    assert told == {"tab": 3, "work": 3, "any": 4}  # two groups at once are told once


def test_a_change_by_a_listener_is_told_next_and_never_in_between(store):
    seen = []
    store.listen(lambda state: store.update("work", doing="by it") if state.tab == "Audit" else None, "tab")
    store.listen(lambda state: seen.append((state.tab, state.work.doing)), "tab", "work")
    store.set(tab="Audit")
    assert seen == [("Connect", ""), ("Audit", "by it"), ("Audit", "by it")]


def test_a_listener_that_raises_keeps_the_others_from_nothing(store):
    seen = []

    def fail(_):
        raise RuntimeError

    with pytest.warns(RuntimeWarning, match="could not be drawn: RuntimeError"):
        store.listen(fail, "tab")
    store.listen(lambda state: seen.append(state.tab), "tab")
    with pytest.warns(RuntimeWarning, match="RuntimeError"):
        store.set(tab="Audit")
    assert (seen, type(store.last_error)) == (["Connect", "Audit"], RuntimeError)
