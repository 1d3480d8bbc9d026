"""Imports as jobs: listed while the page does them, gone on with by a worker where the page's process dies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import ready_url_of
from desk import Desk
from pictures import encoded
from PIL import Image

from pdc.domain.errors import BadSetting
from pdc.jobs.importing import Importing
from pdc.jobs.kinds import Ended, Kinds
from pdc.jobs.worker import Hand, Worker
from pdc.store.jobs.records import JobState


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ready_url_of(tmp_path)
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


@pytest.fixture
def importing(desk: Desk, tmp_path: Path) -> Importing:
    return Importing(desk.service, tmp_path / "incoming")


def sent(folder: Path, images: int = 2) -> dict:
    """A COCO file with its images, as a reader sends it."""
    folder.mkdir(parents=True)
    for n in range(images):
        (folder / f"{n}.png").write_bytes(encoded(Image.new("RGB", (40, 30), (n * 40, 9, 9))))
    pictures = [{"id": n, "file_name": f"{n}.png", "width": 40, "height": 30} for n in range(images)]
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [2, 2, 9, 9], "area": 81, "iscrowd": 0} for n in range(images)]
    path = folder / "coco.json"
    path.write_text(json.dumps({"images": pictures, "annotations": boxes, "categories": [{"id": 1, "name": "platelet"}]}))
    return {"path": str(path), "name": path.name}


def test_an_import_whose_process_died_is_finished_by_a_worker_without_doubles(desk: Desk, importing: Importing):
    asked = sent(importing.folder / "a")
    job = desk.store.add_job("import", asked, "ada", worker="the page", tries=1)
    stored = []

    def dies(what: str, done: int, total: int) -> None:
        if what == "Storing reviews" and done == 1:
            stored.append(len(desk.store.reviews()))
            raise SystemExit

    with pytest.raises(SystemExit):
        importing.imported({**asked, "by": "ada"}, dies)
    assert stored == [1]
    Worker(desk.store, Kinds.of([importing.kind]), silent=-1).run_all()
    assert desk.store.job(job.id).state is JobState.DONE
    assert sorted(r.revision for r in desk.store.reviews()) == [1, 1] and {r.author for r in desk.store.reviews()} == {
        "import by ada"
    }


def test_what_the_page_imports_itself_is_a_job_like_others(desk: Desk, importing: Importing):
    asked, hand = sent(importing.folder / "a"), Hand(desk.store)
    with hand.does(importing.kind, asked, "ada") as report:
        (job,) = desk.store.jobs()
        assert (job.state, job.by, job.asked["name"]) == (JobState.RUNNING, "ada", "coco.json")
        with pytest.raises(BadSetting, match="does that already"), hand.does(importing.kind, asked, "ada"):
            pass
        report(1, 2, "Importing images")
    done = desk.store.job(job.id)
    assert (done.state, done.done, done.total) == (JobState.DONE, 1, 2)


def test_an_import_that_is_cancelled_or_fails_says_so_in_the_list(desk: Desk, importing: Importing):
    asked, hand = sent(importing.folder / "a"), Hand(desk.store)
    with pytest.raises(Ended), hand.does(importing.kind, asked, "ada") as report:
        desk.store.cancel_job(desk.store.jobs()[0].id, "bob")
        report(0, 2, "Importing images")
    assert desk.store.jobs()[0].state is JobState.CANCELLED
    with pytest.raises(BadSetting), hand.does(importing.kind, asked, "ada"):
        raise BadSetting("The file is empty; choose another.")
    assert desk.store.jobs()[0].error == "The file is empty; choose another."


def test_only_what_a_reader_sent_can_be_imported_by_a_job(importing: Importing, tmp_path: Path):
    other = sent(tmp_path / "elsewhere")
    for path in (other["path"], str(importing.folder / ".." / "elsewhere" / "coco.json"), str(importing.folder / "gone.json")):
        with pytest.raises(BadSetting, match="no longer here"):
            importing.check({"path": path})
