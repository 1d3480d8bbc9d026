"""Labels in the store: their history, and rows from before a change, which are read under today's names and never rewritten."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from store_values import SHA, a_prediction, a_review, an_image, url_of

from pdc.domain.errors import BadQuestion, StaleSave
from pdc.domain.label_changes import LabelChange
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.store import Store
from pdc.store.database import migrating, open_engine
from pdc.store.schema import _config

pytestmark = pytest.mark.both_databases("nightly")

BEFORE = "0005"  # the last migration before the history of labels
OLD, NEW = Question(Task.BOUNDING, ("RBC",)), Question(Task.BOUNDING, ("red blood cell",))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store.open(url_of(tmp_path))
    opened.add_image(an_image())
    return opened


def boxes(label: str, n: int) -> Findings:
    return Findings(tuple(Mark(f"{label}{i}", Box(i, 0, i + 5, 5), label) for i in range(n)))


def save(store: Store, id: str, question: Question, findings: Findings, base: int = 0):
    return store.save_review(a_review(id, question=question, findings=findings), key=id, base_revision=base)


def rows(store: Store, columns: str, table: str) -> list:
    with store._engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(f"SELECT {columns} FROM {table} ORDER BY seq"))]


def test_first_labels_that_nobody_used_are_put_away_with_a_line_in_the_history(store: Store):
    assert store.labels() == ["nucleus", "platelet", "polyp", "red blood cell", "white blood cell"]
    assert store.dictionary().find("polyps").name == "polyp" and store.dictionary().find("pinhead").retired == "pinhead"
    assert {e.by for e in store.label_events()} == {"PDC"}


@pytest.mark.sqlite_only
def test_first_labels_that_somebody_used_stay(tmp_path: Path):
    engine = open_engine(url_of(tmp_path))
    with migrating(engine) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
        connection.execute(sa.text(f"INSERT INTO images VALUES (1, '{SHA}', 'a.png', 9, 9, 'g', '2026-01-01 00:00:00')"))
        said = ("d1", SHA, "bounding", '["instrument","polyps"]', '{"marks":[],"stated":{}}', 0, "2026-01-01 00:00:00", "tab")
        names = "author, image_sha256, task, labels, findings, base_revision, saved_at, key"
        connection.exec_driver_sql(f"INSERT INTO drafts ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", said)
    engine.dispose()
    opened = Store.open(url_of(tmp_path))
    assert {"instrument", "polyps", "polyp"} <= set(opened.labels()) and "pinhead" not in opened.labels()
    assert opened.draft("d1", SHA, Question(Task.BOUNDING, ("instrument", "polyps"))) is not None


def test_a_renamed_label_is_read_under_its_new_name_and_the_rows_keep_the_old_one(store: Store):
    save(store, "r1", OLD, boxes("RBC", 2))
    store.add_label("RBC")
    before = rows(store, "labels, findings", "reviews")
    store.change_label("RBC", LabelChange.RENAMED, "red cell of mine", by="ada")
    asked = Question(Task.BOUNDING, ("red cell of mine",))
    read = store.current_review(SHA, asked)
    assert read is not None and read.question == asked and {m.label for m in read.findings.marks} == {"red cell of mine"}
    assert store.usable_reviews() == store.reviews() == [read] and rows(store, "labels, findings", "reviews") == before
    assert store.review_digests(["r1"])["r1"].counts == {"red cell of mine": 2}
    assert store.label_uses() == {"red cell of mine": 1}


def test_a_review_goes_on_from_the_one_under_the_older_name(store: Store):
    save(store, "r1", OLD, boxes("RBC", 2))
    store.add_label("RBC")
    store.change_label("RBC", LabelChange.RENAMED, "Ery of mine", by="ada")
    asked = Question(Task.BOUNDING, ("Ery of mine",))
    with pytest.raises(StaleSave):
        save(store, "r2", asked, Findings(), base=0)
    assert save(store, "r2", asked, boxes("Ery of mine", 1), base=1).revision == 2
    assert [r.id for r in store.usable_reviews()] == ["r2"]


def test_the_history_says_who_changed_what_and_cannot_be_changed(store: Store):
    store.add_label("Mitose", "ada")
    store.change_label("Mitose", LabelChange.RENAMED, "mitosis", by="ben")
    last = store.label_events()[-2:]
    assert [(e.label, e.change, e.to, e.by) for e in last] == [
        ("Mitose", LabelChange.ADDED, None, "ada"),
        ("Mitose", LabelChange.RENAMED, "mitosis", "ben"),
    ]
    with pytest.raises(sa.exc.IntegrityError), store._engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM label_events"))


def test_merged_labels_bring_their_reviews_together_and_the_newest_counts(store: Store):
    save(store, "r1", NEW, boxes("red blood cell", 1))
    save(store, "r2", NEW, boxes("red blood cell", 4), base=1)
    save(store, "r3", OLD, boxes("RBC", 2))
    store.add_label("RBC")
    store.change_label("RBC", LabelChange.MERGED, "red blood cell", by="ada")
    current = store.current_review(SHA, NEW)
    assert current is not None and (current.id, current.revision, len(current.findings.marks)) == ("r3", 2, 2)
    assert [r.id for r in store.usable_reviews()] == ["r3"]
    assert save(store, "r4", NEW, boxes("red blood cell", 3), base=2).revision == 3
    assert [r.id for r in store.current_reviews()] == ["r4"]


def test_two_labels_of_one_review_that_are_merged_are_one_label_and_all_the_marks(store: Store):
    both = Findings((*boxes("RBC", 2).marks, *boxes("red blood cell", 3).marks))
    save(store, "r1", Question(Task.BOUNDING, ("RBC", "red blood cell")), both)
    store.add_label("RBC")
    store.change_label("RBC", LabelChange.MERGED, "red blood cell", by="ada")
    read = store.current_review(SHA, NEW)
    assert read is not None and read.question == NEW and read.findings.counts(Task.BOUNDING) == {"red blood cell": 5}


def test_a_merge_that_is_taken_back_parts_the_reviews_again(store: Store):
    save(store, "r1", OLD, boxes("RBC", 2))
    store.add_label("RBC")
    store.change_label("RBC", LabelChange.MERGED, "red blood cell", by="ada")
    store.change_label("RBC", LabelChange.RESTORED, by="ada")
    assert store.current_review(SHA, NEW) is None and store.current_review(SHA, OLD) is not None


def test_a_draft_from_before_a_rename_comes_back_and_goes_with_the_save(store: Store):
    store.put_draft("ada", SHA, OLD, boxes("RBC", 2), 0, None, "tab")
    store.add_label("RBC")
    store.change_label("RBC", LabelChange.RENAMED, "Ery of mine", by="ada")
    asked = Question(Task.BOUNDING, ("Ery of mine",))
    kept = store.draft("ada", SHA, asked)
    assert kept is not None and kept.question == asked and {m.label for m in kept.findings.marks} == {"Ery of mine"}
    store.save_review(a_review("r1", question=asked, findings=kept.findings), key="new", base_revision=0, seen=kept.seen)
    assert store.draft_lines(SHA) == []


def test_the_answer_about_a_merged_label_is_not_the_answer_about_the_other(store: Store):
    store.add_prediction(a_prediction("p1", question=OLD, findings=boxes("RBC", 9)))
    store.add_label("RBC")
    store.change_label("RBC", LabelChange.MERGED, "red blood cell", by="ada")
    assert store.newest_prediction(SHA, NEW) is None and store.answered_questions() == {}
    assert store.prediction("p1").question == NEW


def test_the_answer_under_an_older_name_of_a_label_is_found_under_the_new_one(store: Store):
    store.add_prediction(a_prediction("p1", question=OLD, findings=boxes("RBC", 9)))
    store.add_label("RBC")
    store.change_label("RBC", LabelChange.RENAMED, "Ery of mine", by="ada")
    asked = Question(Task.BOUNDING, ("Ery of mine",))
    found = store.latest_prediction(SHA, asked, "tiny", None)
    assert found is not None and found.question == asked and {m.label for m in found.findings.marks} == {"Ery of mine"}
    assert store.answered_questions() == {SHA: {asked: "p1"}}


def test_a_label_that_was_retired_is_offered_again_when_it_is_added(store: Store):
    store.change_label("polyp", LabelChange.RETIRED, by="ada")
    assert "polyp" not in store.labels()
    store.add_label("polyp", "ben")
    assert "polyp" in store.labels()


def test_another_process_sees_a_change_at_once(store: Store, tmp_path: Path):
    other = Store.open(url_of(tmp_path))
    assert "polyp" in other.labels()
    store.change_label("polyp", LabelChange.RENAMED, "lesion", by="ada")
    assert "lesion" in other.labels() and "polyp" not in other.labels()


def test_a_change_that_cannot_be_is_not_stored(store: Store):
    before = store.label_events()
    with pytest.raises(BadQuestion):
        store.change_label("dog", LabelChange.RENAMED, "cat", by="ada")
    assert store.label_events() == before
