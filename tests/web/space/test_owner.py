"""On a Space its owner, once logged in, decides which adapter serves and manages the labels; a visitor is told nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from house import Browser, House, living


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPACE_ID", "a/space")
        with living(tmp_path_factory.mktemp("space")) as house:
            yield house


def handlers_of_training(house: House) -> list[int]:
    own = [(id, fn.fn) for id, fn in house.blocks.fns.items() if fn.fn is not None]
    within = {id for id, fn in own if fn.__module__.startswith("pdc.web.ui.training.") and fn.__name__ != "<lambda>"}
    return sorted(within)


def ran(browser: Browser, number: int) -> dict:
    joined = browser.join(number, [None] * len(browser.house.blocks.fns[number].inputs))
    assert joined.status_code == 200, joined.text
    stream = browser.send("GET", f"/gradio_api/queue/data?session_hash={browser.page}").text
    said = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    return next(m["output"] for m in said if m["msg"] == "process_completed")


def test_nothing_of_the_training_tab_is_told_to_a_visitor_or_done_for_one(space: House):
    visitor, run = Browser(space), space.folder / "runs" / "run-secret"
    run.mkdir(parents=True)
    (run / "log.txt").write_text("a line of the log\n")
    numbers = handlers_of_training(space)
    assert len(numbers) >= 10
    for number in numbers:
        output = ran(visitor, number)
        told = output.get("data") or []
        assert "only its owner" in str(output.get("error")) or all(value == {"__type__": "update"} for value in told), number
    assert not any("run-secret" in text or "a line of the log" in text for text in visitor.seen)
    assert not list(run.parent.glob("run-[!s]*"))


def test_the_tab_is_shown_to_the_owner_and_hidden_from_a_visitor(space: House):
    shown = space.handler("show_tab")
    assert ran(Browser(space), shown)["data"][0]["visible"] is False
    assert ran(space.reader("owner"), shown)["data"][0]["visible"] is True


def test_the_owner_sees_how_training_stands_and_may_press_its_buttons(space: House):
    owner = space.reader("owner")
    assert "make a first training worth while" in json.dumps(owner.run("look"))
    assert "nothing to stop" in owner.run("tab.stop")


def test_the_owner_changes_labels_for_all_and_a_visitor_is_refused(space: House):
    owner, visitor = space.reader("owner"), Browser(space)
    assert not any(row["visible"] for row in visitor.run("labels_tab.show")[-2:])
    assert "only its owner" in visitor.run("retire", "polyp")
    assert all(row["visible"] for row in owner.run("labels_tab.show")[-2:])
    owner.run("retire", "polyp")
    assert "polyp" in space.store.dictionary().labels and space.store.dictionary().labels["polyp"].retired
