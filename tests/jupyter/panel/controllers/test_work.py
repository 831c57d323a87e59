"""Work and its steps alone: one at a time, cancelled between steps, and each result at its button."""

from __future__ import annotations

import queue
import threading

import pytest

from qlik_keys.errors import ConfigurationError, Interrupted
from qlik_keys.jupyter.panel.controllers.work import Work
from qlik_keys.jupyter.panel.model.shown import ShownRequest, ShownStep
from qlik_keys.jupyter.panel.model.store import PanelStore
from qlik_keys.lifecycle import StepEvent

REQUEST = ShownRequest(system="tenant", method="GET", path="/x", address="/x", body="", status=200, milliseconds=1.0)


@pytest.fixture
def store():
    return PanelStore()


@pytest.fixture
def work(store):
    return Work(store, run=lambda task: task())


def event(step, phase="before"):
    return StepEvent(operation="rotate", step=step, title=f"the step {step}", phase=phase, client_name="c")


def test_only_one_piece_of_work_is_done_at_a_time(store):
    tasks, done = [], []
    work = Work(store, run=tasks.append)
    work.run("First", lambda: done.append("first"))
    work.run("Second", lambda: done.append("second"), at="there")
    assert "The panel is busy: First." in store.state.results["there"].card.what
    with pytest.raises(ConfigurationError, match="busy"):
        work.run("Third", lambda: done.append("third"), wait=True)
    [task] = tasks
    task()
    assert (done, store.state.work.doing) == (["first"], "")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (ConfigurationError("It is missing.", hint="Type it."), "It is missing."),
        (RuntimeError("correct-horse-battery"), "An unexpected error occurred: RuntimeError."),
    ],
)
def test_an_error_is_a_card_at_the_button_until_it_is_dismissed_or_the_button_is_pressed_again(
    store, work, error, what
):
    def fail():
        raise error

    work.run("Trying", fail, at="there")
    card = store.state.results["there"].card
    assert (card.what, card.doing, card.kind) == (what, "Trying", type(error).__name__)
    assert card.hint
    assert store.last_error is error
    assert "correct-horse" not in repr(store.state)  # the text of a foreign exception may hold anything
    work.dismiss("there")
    assert store.state.results == {}
    with pytest.raises(type(error)):
        work.run("Trying", fail, at="there", wait=True)
    work.run("Trying", lambda: work.result("Done."), at="there")
    shown = store.state.results["there"]
    assert (shown.kind, shown.words, shown.card) == ("good", "Done.", None)


def test_steps_are_shown_in_the_group_whose_work_it_is_with_their_requests(store, work):
    store.update("token", steps=(ShownStep(step="sign", title="Sign", by_hand=""),))

    def task():
        work.steps.begin("token")
        work.steps.add_request(REQUEST)  # no step runs: it is not shown
        work.steps.saw(event("sign"))
        work.steps.add_request(REQUEST)
        work.steps.saw(event("sign", "after"))
        work.steps.saw(event("unforeseen"))
        raise ConfigurationError("It failed in this step.")

    work.run("Trying", task)
    work.steps.add_request(REQUEST)  # between two pieces of work
    shown = [(step.step, step.phase, len(step.requests)) for step in store.state.token.steps]
    assert shown == [("sign", "done", 1), ("unforeseen", "failed", 0)]
    assert (store.state.change.steps, store.state.work.steps_of) == ((), "")


def test_cancel_stops_before_the_next_step_and_the_next_work_starts_afresh(store, work):
    done = []

    def task():
        work.steps.begin("change")
        for step in ("one", "two"):
            work.steps.saw(event(step))
            if work.steps.cancelled.is_set():
                raise Interrupted("Cancelled.")
            done.append(step)
            work.steps.cancel()
            assert store.state.work.cancelling

    for _ in range(2):
        work.run("Rotating", task, at="change")
        assert store.state.results["change"].card.kind == "Interrupted"
        assert not store.state.work.cancelling
    assert done == ["one", "one"]


def test_step_by_step_waits_before_each_step_until_next_cancel_or_the_end_of_it(store):
    work = Work(store)
    waiting, idle = queue.Queue(), threading.Event()

    def task():
        work.steps.begin("change")
        for step in ("one", "two", "three"):
            work.steps.saw(event(step))
            work.steps.saw(event(step, "after"))

    def start():
        store.update("change", steps=())
        idle.clear()
        work.run("Rotating", task)
        assert waiting.get(timeout=10) == "the step one"

    store.listen(lambda state: waiting.put(state.work.waits_for) if state.work.waits_for else None, "work")
    store.listen(lambda state: None if state.work.doing else idle.set(), "work")
    work.steps.go_step_by_step(wanted=True)
    start()
    for number, following in enumerate(("the step two", "the step three")):
        assert len(store.state.change.steps) == number
        work.steps.do_next()
        assert waiting.get(timeout=10) == following
    work.steps.do_next()
    assert idle.wait(10)

    start()
    work.steps.cancel()
    assert idle.wait(10)
    assert store.state.results["top"].card.what == 'Cancelled before the step "the step one".'

    start()
    work.steps.go_step_by_step(wanted=False)
    assert idle.wait(10)
    assert [step.phase for step in store.state.change.steps] == ["done"] * 3
