"""Power loss: whatever was not synced is dropped, kept or torn, at any moment of any save. What was acknowledged is there.

A program saves into a real store while a small library writes down all that its SQLite does to the files. The power is then cut
at many places of that log. That every kind of write and sync is seen is shown by the same trial without the syncs: it must lose.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from store_values import an_image, url_of

from pdc.store import Store
from pdc.store.database import sqlite_driver

ROOT = Path(__file__).resolve().parents[2]
SECTOR = 512
SAVES = """
import os, sys
sys.path.insert(0, "tests")
from store_values import SHA, a_review
from pdc.store import Store, database

folder, sync, saves = sys.argv[1], sys.argv[2], int(sys.argv[3])
set_up = database._configure

def configure(connection, record):
    set_up(connection, record)
    connection.execute("PRAGMA wal_autocheckpoint=60")  # often, so that the log is folded into the file in the middle too
    if sync != "FULL":
        connection.execute(f"PRAGMA synchronous={sync}")

database._configure = configure
acks = os.open(f"{folder}/acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
done = 0
for life in range(2):  # closed and opened again in between
    store = Store.open(f"sqlite:///{folder}/pdc.sqlite3")
    for _ in range(saves // 2):
        store.save_review(a_review(f"r{done}"), key=f"r{done}", base_revision=done)
        os.write(acks, f"r{done}\\n".encode())
        done += 1
    store.close()
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What the program did to a file: `w`rote at an offset, cu`t` it to a length, `s`ynced it, or `u`nlinked it."""

    what: str
    path: str
    data: bytes
    offset: int


def steps_of(log: bytes) -> Iterator[Step]:
    at = 0
    while at < len(log):
        length, size, offset = struct.unpack_from("<QQQ", log, at + 1)
        path, start = log[at + 25 : at + 25 + length].decode(), at + 25 + length
        yield Step(chr(log[at]), Path(path).name, log[start : start + size], offset)
        at = start + size


def applied(content: bytes, step: Step) -> bytes:
    if step.what == "t":
        return content[: step.offset].ljust(step.offset, b"\0")
    return content[: step.offset].ljust(step.offset, b"\0") + step.data + content[step.offset + len(step.data) :]


def survives(content: bytes, unsynced: list[Step], chance: random.Random) -> bytes:
    """What the disk holds of a file after the power is back: of each write that was not synced all, nothing, or some sectors."""
    for step in unsynced:
        fate = chance.random()
        if fate < 0.4:
            continue
        if fate < 0.6 and len(step.data) > SECTOR:
            first = chance.randrange(len(step.data) // SECTOR) * SECTOR
            step = Step("w", step.path, step.data[first : first + SECTOR], step.offset + first)
        content = applied(content, step)
    return content


@dataclass(frozen=True, slots=True)
class Crash:
    """The files as a power cut left them, and what had been acknowledged by then."""

    files: dict[str, bytes]
    told: list[str]


class Trial:
    """A run of saves in which SQLite syncs as told, ready to be cut anywhere."""

    def __init__(self, folder: Path, sync: str, saves: int) -> None:
        self.home, log = folder / sync, folder / f"{sync}.log"
        self.home.mkdir()
        store = Store.open(url_of(self.home))
        store.add_image(an_image())
        store.close()
        self.before = {path.name: path.read_bytes() for path in self.home.iterdir()}
        watched = {"LD_PRELOAD": str(shim(folder)), "PDC_POWER_FOLDER": str(self.home), "PDC_POWER_LOG": str(log)}
        command = [sys.executable, "-c", SAVES, str(self.home), sync, str(saves)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **watched}, check=True, timeout=600)
        self.steps = list(steps_of(log.read_bytes()))

    def cut(self, seed: int) -> Crash:
        """The power goes off at a place of this seed's choice."""
        chance = random.Random(seed)
        disk, unsynced, told = dict(self.before), defaultdict(list), b""
        for step in self.steps[: chance.randrange(len(self.steps)) + 1]:
            if step.path == "acks":
                told += step.data
            elif step.what == "u":
                disk.pop(step.path, None)
                unsynced.pop(step.path, None)
            elif step.what == "s":
                for kept in unsynced.pop(step.path, ()):
                    disk[step.path] = applied(disk.get(step.path, b""), kept)
            else:
                unsynced[step.path].append(step)
        for path, lost in unsynced.items():
            disk[path] = survives(disk.get(path, b""), lost, chance)
        return Crash({name: data for name, data in disk.items() if not name.endswith("-shm")}, told.decode().split())

    def crashed(self, seed: int, place: Path) -> Crash:
        """The same, put into that folder."""
        crash = self.cut(seed)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name, data in crash.files.items():
            (place / name).write_bytes(data)
        return crash

    def lost(self, seed: int, place: Path) -> bool:
        """Whether anything acknowledged is gone after this cut, or the database is damaged."""
        crash = self.crashed(seed, place)
        database = sqlite_driver().connect(place / Path(url_of(place)).name)
        try:
            saved = [id for (id,) in database.execute("SELECT id FROM reviews ORDER BY revision")]
            whole = database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        except sqlite_driver().DatabaseError:
            return True
        finally:
            database.close()
        return not whole or saved != [f"r{n}" for n in range(len(saved))] or not set(crash.told) <= set(saved)


def shim(folder: Path) -> Path:
    """The library that writes the log, built where a C compiler is."""
    built = folder / "power_log.so"
    if not built.exists():
        compiler = shutil.which("cc") or pytest.skip("no C compiler here")
        source = Path(__file__).with_name("power_log.c")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", str(built), str(source)], check=True)
    return built


linux = pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")


@linux
@pytest.mark.slow
def test_a_power_loss_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path):
    trial = Trial(tmp_path, "FULL", 30)
    assert sum(step.what == "s" for step in trial.steps) >= 30
    assert [seed for seed in range(60) if trial.lost(seed, tmp_path / "after")] == []
    assert {seed: said for seed in range(60, 66) if (said := fault(trial, seed, tmp_path / "after"))} == {}


def fault(trial: Trial, seed: int, place: Path) -> str | None:
    """What the check of the record says after this cut: a power loss is no tampering."""
    trial.crashed(seed, place)
    store = Store.open(url_of(place))
    said = store.check_record().fault
    store.close()
    return said and str(said)


@linux
@pytest.mark.slow
@pytest.mark.xfail(strict=True, reason="without a sync for each save a power loss loses what was acknowledged")
def test_without_a_sync_for_each_save_a_power_loss_loses_nothing(tmp_path: Path):
    trial = Trial(tmp_path, "NORMAL", 30)
    assert [seed for seed in range(60) if trial.lost(seed, tmp_path / "after")] == []


@linux
@pytest.mark.nightly
def test_two_hundred_power_losses_among_three_hundred_saves(tmp_path: Path):
    trial = Trial(tmp_path, "FULL", 300)
    checkpoints = [s for s in trial.steps if s.what == "w" and s.path.endswith(".sqlite3")]
    assert len(checkpoints) > 20, "the log was never folded into the file"
    assert [seed for seed in range(200) if trial.lost(seed, tmp_path / "after")] == []
