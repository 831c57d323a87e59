"""The store: a listener is told of its own groups, once for each change, and in turn."""

from __future__ import annotations

import threading
from dataclasses import fields

import pytest

from qlik_keys.jupyter.panel.model.state import COMMON, ChangeState, PanelState
from qlik_keys.jupyter.panel.model.store import PanelStore
from qlik_keys.jupyter.panel.views.audit import AuditView
from qlik_keys.jupyter.panel.views.clients import ClientsView
from qlik_keys.jupyter.panel.views.connect import ConnectView
from qlik_keys.jupyter.panel.views.frame import FrameView
from qlik_keys.jupyter.panel.views.new_client import NewClientView
from qlik_keys.jupyter.panel.views.tokens import TokensView

GROUPS = {field.name for field in fields(PanelState)}


@pytest.fixture
def store():
    return PanelStore()


def test_a_listener_is_told_of_its_own_groups_alone(store):
    told = {"tab": 0, "work": 0, "any": 0}

    def count(name):
        return lambda _: told.update({name: told[name] + 1})

    for name in ("tab", "work"):
        store.listen(count(name), name)
    store.listen(count("any"))
    assert told == {"tab": 1, "work": 1, "any": 1}  # of the state as it is
    store.set(tab="Audit")
    store.update("work", doing="something")
    assert told == {"tab": 2, "work": 2, "any": 3}
    store.set(tab="Clients", work=store.state.work)
    assert told == {"tab": 3, "work": 3, "any": 4}  # two groups at once are told once


def test_a_change_by_a_listener_is_told_next_and_never_in_between(store):
    seen = []

    def discard(state):
        if state.tab == "Audit":
            store.update("work", doing="by the listener")

    store.listen(discard, "tab")
    store.listen(lambda state: seen.append((state.tab, state.work.doing)), "tab", "work")
    store.set(tab="Audit")
    assert seen == [("Connect", ""), ("Audit", "by the listener"), ("Audit", "by the listener")]


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


def test_changes_by_several_threads_are_all_kept(store):
    def count():
        for _ in range(200):
            with store.lock:
                store.update("clients", selections=store.state.clients.selections + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.state.clients.selections == 800


def test_each_group_of_a_tab_has_one_view_which_listens_to_groups_that_exist():
    views = (FrameView, ConnectView, NewClientView, ClientsView, TokensView, AuditView)
    own = [set(view.groups) - set(COMMON) for view in views]
    assert set().union(*own) | set(COMMON) == GROUPS
    assert [
        group for group in GROUPS if sum(group in each for each in own) > 1 and group not in ("clients", "secrets")
    ] == []


def test_an_open_plan_goes_with_its_steps_and_a_change_that_ran_keeps_them():
    ran = ChangeState(steps=("done",))
    assert ran.without_plan() is ran
    assert ChangeState(plan="plan", chosen="form", steps=("waiting",)).without_plan() == ChangeState()
