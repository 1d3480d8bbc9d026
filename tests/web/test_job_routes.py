"""Jobs over HTTP: an export that is made while its reader does something else, seen by them and fetched by nobody else."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from house import Browser, House, living
from store_values import a_review

from pdc.compose import worker_of
from pdc.domain.users.roles import Role
from pdc.jobs.exporting import sweep
from pdc.jobs.worker import Worker
from pdc.settings import Settings


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Jobs wait until a test does them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPACE_ID", raising=False)
        with living(tmp_path_factory.mktemp("jobs"), PDC_JOBS="none") as house:
            yield house


@pytest.fixture(scope="module")
def worker(house: House) -> Worker:
    return worker_of(Settings.from_env({"PDC_HOME": str(house.folder), "PDC_SERVER_URL": "http://127.0.0.1:9"}), "all")


@pytest.fixture(scope="module")
def rita(house: House) -> Browser:
    """A reader with one reviewed image."""
    rita = house.reader("rita", Role.READER)
    sha256 = rita.upload("smear.png")
    house.store.save_review(a_review("r1", image_sha256=sha256), key="k", base_revision=0)
    return rita


def listed(browser: Browser) -> dict[int, dict]:
    return {job["id"]: job for job in browser.send("GET", "/api/jobs").json()["jobs"]}


def test_an_export_is_made_as_a_job_and_its_reader_alone_downloads_it(house: House, worker: Worker, rita: Browser):
    made = rita.send("POST", "/api/jobs", json={"kind": "export", "asked": {"format": "coco"}}).json()
    assert (made["state"], made["by"], made["about"], made["file"]) == ("queued", "rita", "coco", False)
    assert rita.send("GET", f"/api/jobs/{made['id']}/file").status_code == 404
    assert worker.run_all() == 1
    done = listed(rita)[made["id"]]
    assert (done["state"], done["file"], done["result"]["images"]) == ("done", True, 1)
    answer = rita.send("GET", f"/api/jobs/{made['id']}/file")
    assert {"coco.json"} <= set(ZipFile(io.BytesIO(answer.content)).namelist())
    rob = house.reader("rob", Role.READER)
    assert listed(rob) == {} and rob.send("GET", f"/api/jobs/{made['id']}/file").status_code == 404
    assert made["id"] in listed(house.reader("tom", Role.TRAINER))


def test_a_reader_is_offered_what_they_may_start_and_refused_the_rest_with_a_sentence(rita: Browser):
    assert rita.send("GET", "/api/jobs").json()["may"] == ["export", "import"]
    refused = rita.send("POST", "/api/jobs", json={"kind": "predict", "asked": {}})
    assert refused.status_code == 403 and "takes the role trainer" in refused.json()["error"]
    assert rita.send("POST", "/api/jobs", json={"kind": "train", "asked": {"run": "x"}}).status_code == 422


def test_what_cannot_be_exported_is_refused_at_once_in_the_readers_language(rita: Browser):
    refused = rita.send(
        "POST", "/api/jobs", json={"kind": "export", "asked": {"format": "word"}}, headers={"Accept-Language": "de"}
    )
    assert refused.status_code == 400 and "Exportformat" in refused.json()["error"]


@pytest.mark.parametrize(
    "asked",
    [
        {"fromat": "yolo"},
        {"query": {"stgae": "done"}},
        {"query": {"stage": "dnoe"}},
        {"query": {"names": "hash"}},
        {"query": "done"},
    ],
)
def test_a_misspelt_setting_or_filter_exports_nothing(rita: Browser, asked: dict):
    refused = rita.send("POST", "/api/jobs", json={"kind": "export", "asked": asked})
    assert refused.status_code == 400 and refused.json()["error"]


def test_every_kind_of_job_names_its_settings(worker: Worker):
    assert {name for name, kind in worker.kinds.items() if not kind.settings} == set()


def test_a_waiting_job_is_cancelled_and_tried_again(rita: Browser):
    made = rita.send("POST", "/api/jobs", json={"kind": "export", "asked": {"format": "voc"}}).json()
    assert rita.send("POST", f"/api/jobs/{made['id']}/cancel").json()["state"] == "cancelled"
    again = rita.send("POST", f"/api/jobs/{made['id']}/retry").json()
    assert again["state"] == "queued" and again["about"] == "voc"
    assert rita.send("POST", "/api/jobs/999/cancel").status_code == 404


def test_files_of_jobs_go_after_a_week(tmp_path: Path):
    old, new = tmp_path / "1", tmp_path / "2"
    for folder in (old, new):
        folder.mkdir()
        (folder / "pdc-coco.zip").write_bytes(b"x")
    before = time.time() - 8 * 86400
    os.utime(old, (before, before))
    sweep(tmp_path, days=7)
    assert [path.name for path in tmp_path.iterdir()] == ["2"]
