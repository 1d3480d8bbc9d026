"""`pdc jobs` and `pdc work`: asked for, done, shown, cancelled and tried again from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from annotations import put
from databases import ready_url_of

from pdc.__main__ import main
from pdc.store import Store


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What a command prints; the store has two reviewed images."""
    home = tmp_path / "home"
    home.mkdir()
    ready_url_of(home)
    monkeypatch.setenv("PDC_HOME", str(home))
    put(tmp_path, {"a.csv": "file,name,label,x,y\n1.png,a.png,cell,5,5\n2.png,b.png,cell,6,6"}, {"1.png": "red", "2.png": "blue"})

    def run(*words: str) -> str:
        run.code = main(list(words))
        out = capsys.readouterr()
        return out.out + out.err

    run("import", str(tmp_path / "a.csv"))
    return run


def test_an_export_is_asked_for_done_by_a_worker_and_shown(said, tmp_path: Path):
    assert said("jobs", "list").strip() == "There are no jobs."
    assert re.match(r"1 export format=yolo: queued \(by .*\)", said("jobs", "start", "export", "format=yolo"))
    assert said("work", "--until-done", "--kinds", "export").strip().endswith("Jobs done: 1.")
    assert "1 export format=yolo: done" in said("jobs", "list")
    shown = json.loads(said("jobs", "show", "1"))
    assert (shown["state"], shown["result"]["file"]) == ("done", "pdc-yolo.zip")
    assert (tmp_path / "home" / "jobs" / "1" / "pdc-yolo.zip").is_file()


def test_an_export_takes_the_filters_of_the_list(said):
    asked = "export format=yolo query.stage=done query.label=platelet"
    assert f"1 {asked}: queued" in said("jobs", "start", *asked.split())
    assert json.loads(said("jobs", "show", "1"))["asked"]["query"] == {"stage": "done", "label": "platelet"}
    assert "no setting 'colour'" in said("jobs", "start", "export", "query.colour=red")


def test_a_job_is_cancelled_and_tried_again_and_what_cannot_be_is_a_sentence(said):
    said("jobs", "start", "export")
    assert "1 export: cancelled" in said("jobs", "cancel", "1")
    assert "1 has ended, so it cannot be cancelled" in said("jobs", "cancel", "1") and said.code == 1
    assert "2 export: queued" in said("jobs", "retry", "1")
    assert "There is no job 9." in said("jobs", "show", "9")
    assert "choose one of predict, export, import, train, evaluate" in said("jobs", "start", "bake")
    assert "'coco' is no NAME=VALUE; write for instance format=coco" in said("jobs", "start", "export", "coco")
    assert "no kind of job called 'bake'" in said("work", "--kinds", "bake")


def test_whoever_has_the_machine_may_start_and_see_all_jobs_of_a_server_with_logins(said, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PDC_LOGIN", "on")
    store = Store.open(f"sqlite:///{tmp_path / 'home' / 'pdc.sqlite3'}")
    store.add_job("export", {}, "maria")
    store.close()
    assert "2 predict: queued" in said("jobs", "start", "predict")
    assert "1 export: queued (by maria," in said("jobs", "list")
    assert "1 export: cancelled" in said("jobs", "cancel", "1")
