"""A backup of PostgreSQL and PDC_HOME in one file, and back into another database."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from databases import Server
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from store_values import ASK, FOUND, SHA, a_review, an_image

from pdc.domain.errors import BadSetting, StoreUnavailable
from pdc.store import Store
from pdc.store.audit.chain import RecordPlace
from pdc.store.backups.archive import make, restore


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    url = postgres.create()
    store = Store.open(url)
    store.add_image(an_image())
    store.save_review(a_review(), key="k", base_revision=0)
    store.put_draft("bob", SHA, ASK, FOUND, 1, None)
    store.close()
    yield url
    postgres.drop(url)


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    url = postgres.create(empty=True)
    yield url
    postgres.drop(url)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "images").mkdir(parents=True)
    (tmp_path / "home" / "images" / "a.png").write_bytes(b"pixels")
    return tmp_path / "home"


def test_everything_comes_back_into_another_database_which_keeps_it_as_written(url: str, empty: str, home: Path, tmp_path: Path):
    made = make(home, tmp_path / "day.tar", url)
    assert made.rows["reviews"] == made.rows["drafts"] == 1 and set(made.files) == {"pdc.dump", "images/a.png"}
    assert restore(tmp_path / "day.tar", tmp_path / "again", empty) == made
    assert {p.name for p in (tmp_path / "again").iterdir()} == {"images", "pdc.anchor"}
    before, after = Store.open(url), Store.open(empty)
    assert after.reviews() == before.reviews() and after.draft("bob", SHA, ASK) == before.draft("bob", SHA, ASK)
    assert after.save_review(a_review("r2"), key="k2", base_revision=1).revision == 2  # its counters went on
    with pytest.raises(IntegrityError, match="never changed"), after._write() as session:
        session.execute(text("DELETE FROM reviews"))
    before.close()
    after.close()


def test_a_server_that_asks_for_a_password_gets_it_and_no_command_line_does(
    postgres: Server, url: str, empty: str, home: Path, tmp_path: Path, monkeypatch
):
    locked, locked_empty = postgres.locked(url, "p@ss:w/rd"), postgres.locked(empty, "p@ss:w/rd")
    said: list[str] = []
    run = subprocess.run

    def noted(command: list[str], **how: Any) -> Any:
        said.extend(command)
        return run(command, **how)

    monkeypatch.setattr(subprocess, "run", noted)
    made = make(home, tmp_path / "day.tar", locked)
    assert restore(tmp_path / "day.tar", tmp_path / "again", locked_empty) == made
    assert any("--dbname=" in word for word in said) and not any("p@ss" in word or "p%40ss" in word for word in said)


def test_a_backup_goes_only_into_an_empty_database_of_its_kind(url: str, home: Path, tmp_path: Path):
    make(home, tmp_path / "day.tar", url)
    with pytest.raises(BadSetting, match="is not empty; make a new one"):
        restore(tmp_path / "day.tar", tmp_path / "again", url)
    with pytest.raises(BadSetting, match="was made of PostgreSQL"):
        restore(tmp_path / "day.tar", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    store = Store.open(url)
    assert len(store.reviews()) == 1
    store.close()


def test_without_the_programs_of_postgresql_a_backup_says_what_to_install(url: str, home: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StoreUnavailable, match="needs the program pg_dump; install its client"):
        make(home, tmp_path / "day.tar", url)
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_a_backup_under_load_holds_every_save_from_before_it_began_and_its_record(
    postgres: Server, empty: str, home: Path, tmp_path: Path
):
    url, stop, acked = postgres.create(empty=True), Event(), []
    store = Store.open(url, record=RecordPlace.beside(url, home))
    store.add_image(an_image())

    def save() -> None:
        while not stop.is_set():
            n = len(acked) + 1
            store.save_review(a_review(f"r{n}", revision=n), key=f"k{n}", base_revision=n - 1)
            acked.append(f"r{n}")

    writer = Thread(target=save)
    writer.start()
    try:
        while len(acked) < 5:
            stop.wait(0.01)
        before = list(acked)
        made = make(home, tmp_path / "day.tar", url)
    finally:
        stop.set()
        writer.join()
        store.close()
    restore(tmp_path / "day.tar", tmp_path / "again", empty)
    after = Store.open(empty, record=RecordPlace.beside(empty, tmp_path / "again"))
    assert len(after.reviews()) == made.rows["reviews"] and {*before} <= {review.id for review in after.reviews()} <= {*acked}
    assert after.check_record().fault is None
    after.close()
    postgres.drop(url)
