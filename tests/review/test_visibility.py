"""A public Space: each visitor has a room of their own, and nobody changes anything for the others."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from desk import drawn
from house import Browser, House, bar_of, living


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPACE_ID", "somebody/pdc")
        with living(tmp_path_factory.mktemp("space")) as house:
            yield house


def visitor(space: House) -> Browser:
    browser = Browser(space)
    browser.send("GET", "/", headers={"accept": "text/html"})
    return browser


def names(browser: Browser) -> list[str]:
    return [row[1] for row in browser.send("GET", "/api/worklist").json()["rows"]]


def test_another_visitors_image_is_nowhere(space: House):
    anna, bert = visitor(space), visitor(space)
    sha = anna.upload("Jane Roe 1961.png")
    assert names(anna) == ["Jane Roe 1961.png"] and names(bert) == []
    for path in (f"/images/{sha}.png", f"/thumbnails/{sha}.jpg"):
        assert anna.send("GET", path).status_code == 200
        assert bert.send("GET", path).status_code == 404 and Browser(space).send("GET", path).status_code == 404
    assert bert.open(sha).startswith("There is no image")
    for move in ("next", "previous"):
        assert bert.run(move, None, None, {}).startswith("There are no images here")
    assert "Jane" not in "".join(bert.seen)


def test_the_same_picture_of_two_visitors_has_two_names_two_reviews_and_no_common_label(space: House):
    anna, bert = visitor(space), visitor(space)
    sha = anna.upload("Jane Roe.png", "green")
    value = anna.open(sha, "Roe lesion")
    assert "Saved, revision 1" in anna.save(value, drawn(label="Roe lesion"))
    assert bert.upload("mine.png", "green") == sha and names(bert) == ["mine.png"]
    assert bert.open(sha, "platelet")["marks"] == []  # not even under the question that anna asked
    bert.page = uuid4().hex  # a page that is loaded anew
    own = bert.open(sha, "Roe lesion")
    assert own["marks"] == [] and own["image"]["name"] == "mine.png"
    bert.run("history_tab.show", None)
    bert.run("labels_tab.show")
    assert "revision 2" in bert.save(own) and len(anna.open(sha, "Roe lesion")["marks"]) == 1
    assert "Roe lesion" not in space.store.labels()
    said = "".join(bert.seen)
    assert "Jane" not in said and space.store.reviews(sha)[0].author not in said


def test_what_a_visitor_marks_is_kept_even_where_another_has_saved_the_same(space: House):
    anna, bert = visitor(space), visitor(space)
    sha = anna.upload("a.png", "yellow")
    anna.save(anna.open(sha), drawn())
    bert.upload("b.png", "yellow")
    value = bert.open(sha)
    edit = next(id for id, name in space.handlers() if name == "edit")
    body = {"data": [None, {**value, "marks": [drawn()], "edits": 1}], "fn_index": edit, "session_hash": bert.page}
    assert bert.send("POST", "/gradio_api/run/predict", json=body).status_code == 200
    assert len(bert.open(sha)["marks"]) == 1


def test_examples_are_for_everybody_and_each_visitor_has_their_own(space: House):
    anna, bert = visitor(space), visitor(space)
    for browser in (anna, bert):
        opened = browser.run("choose", {"chosen": {"example": "nuclei.png"}}, "count_and_box", ["platelet"], None)
        assert opened[1]["image"]["name"] == "nuclei.png" and names(browser) == ["nuclei.png"]
    assert "sent" not in bert.run("send_back", *bar_of(opened[1]), None, opened[1], {"note": "see Jane Roe"})
    assert "Jane" not in anna.send("GET", "/api/worklist").text


def test_visitors_cannot_train_promote_roll_back_or_assign(space: House):
    anna = visitor(space)
    sha = anna.upload("a.png")
    assigned = anna.send("POST", "/api/worklist/assign", json={"images": [sha], "reader": "bert"})
    assert (
        assigned.status_code == 403 and "only its owner, who may log in, can give images to readers" in assigned.json()["error"]
    )
    assert not [e for e in space.store.events() if e.kind == "assigned"]
    assert anna.send("GET", "/api/worklist").json()["visitors"] is True
    assert "only its owner" in anna.run("training.tab.train")


def test_a_visitor_whose_browser_keeps_no_cookies_hears_what_to_do(space: House):
    anna = visitor(space)
    anna.open(anna.upload("a.png"))
    anna.cookies = {}
    assert "Allow cookies" in anna.run("next", None, None, {})


def test_no_visitor_runs_any_handler_in_anothers_page(space: House):
    anna, bert = visitor(space), visitor(space)
    anna.open(anna.upload("a.png"))
    for number, name in space.handlers():
        assert bert.join(number, [None] * len(space.blocks.fns[number].inputs), page=anna.page).status_code == 403, name
