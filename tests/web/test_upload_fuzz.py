"""Broken and hostile files through the upload route: each is stored or refused with a sentence, and nothing else happens."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from house import Browser, House, living
from upload_seeds import made_by_hand, mutated, seeds

from pdc.blobs.base import sharded

MOST_SECONDS = 5.0  # of processor time for one file
MOST_GROWTH = 512e6  # bytes


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("tmp")))
        patch.setenv("TMPDIR", tempfile.gettempdir())
        with living(tmp_path_factory.mktemp("house")) as house:
            yield house


@pytest.fixture(scope="module")
def reader(house: House) -> Browser:
    reader = house.reader("alice")
    reader.upload("first.png")  # the decoders are there
    return reader


def workers() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "decode_worker" in " ".join(p.cmdline())]


def memory() -> int:
    return sum(p.memory_info().rss for p in (psutil.Process(), *workers()))


def spent() -> float:
    """Processor seconds of this process and its decoders. Those of a decoder that died are among the children's."""
    own = psutil.Process().cpu_times()
    return own.user + own.system + own.children_user + sum(sum(p.cpu_times()[:2]) for p in workers())


def sent(reader: Browser, data: bytes, name: str) -> int:
    """The status of an upload that may only be stored or refused, in bounded time, with a sentence."""
    before = spent()
    answer = reader.send("POST", "/api/images", params={"name": name}, content=data)
    assert answer.status_code in (200, 409, 413, 422), (name, answer.status_code, answer.text)
    assert spent() - before < MOST_SECONDS, name
    if answer.status_code != 200:
        assert answer.json()["error"].endswith(".") and "Traceback" not in answer.text, name
    return answer.status_code


def litter(house: House) -> list[str]:
    """What an upload left beside stored images: half files, and files in the system's temporary folder."""
    home = Path(house.store._engine.url.database).parent
    return [p.name for p in home.rglob("*.part")] + [p.name for p in Path(tempfile.gettempdir()).glob("tmp*") if p.is_file()]


def fuzzed(house: House, reader: Browser, times: int, first: int = 0) -> Counter[int]:
    """So many mutations through the route, under one account of what they may cost."""
    good, before, left = list(seeds().items()), memory(), litter(house)
    told: Counter[int] = Counter()
    for n in range(first, first + times):
        name, data = good[n % len(good)]
        told[sent(reader, mutated(data, random.Random(n)), f"{name} {n}")] += 1
    assert litter(house) == left and memory() - before < MOST_GROWTH
    return told


def test_good_files_of_every_kind_are_stored_and_dicom_is_told_what_to_do(reader: Browser):
    told = {name: sent(reader, data, name) for name, data in seeds().items()}
    assert {name for name, status in told.items() if status != 200} == {"dicom"} and len(told) == 15


def test_changed_files_are_stored_or_refused(house: House, reader: Browser):
    told = fuzzed(house, reader, 150)
    assert told[200] > 20 and told[422] > 20, told
    assert reader.send("GET", "/health").status_code == 200


def test_bombs_and_files_that_are_two_things_are_stored_or_refused(house: House, reader: Browser):
    made, before, left = made_by_hand(), memory(), litter(house)
    assert len(made) >= 60
    told = {name: sent(reader, data, name) for name, data in made.items()}
    assert {n for n in told if n.startswith(("svg", "xml", "zip", "page", "pickle", "numpy", "a program"))} <= refused(told)
    assert memory() - before < MOST_GROWTH and litter(house) == left
    for image in house.store.images():  # of what was stored beside a picture nothing is left
        assert b"script" not in house_file(house, image.sha256)


def refused(told: dict[str, int]) -> set[str]:
    return {name for name, status in told.items() if status != 200}


def house_file(house: House, sha256: str) -> bytes:
    return (Path(house.store._engine.url.database).parent / "images" / sharded(f"{sha256}.png")).read_bytes()


def test_an_upload_that_breaks_or_leaves_something_would_be_noticed(house: House, reader: Browser, monkeypatch):
    """The negative control: without the guarded decoder the checks above fail."""
    good = seeds()["png"]
    monkeypatch.setattr("pdc.review.visibility.accept", broken)
    with pytest.raises(RuntimeError, match="fell over"):
        sent(reader, good, "x")
    (Path(tempfile.gettempdir()) / "tmp-left").write_bytes(b"half")
    assert "tmp-left" in litter(house)


def broken(*args, **named):
    raise RuntimeError("the decoder fell over")


@pytest.mark.nightly
def test_five_thousand_changed_files_are_stored_or_refused(house: House, reader: Browser):
    begun = time.process_time()
    told = fuzzed(house, reader, 5000, first=1000)
    print(dict(told), f"{time.process_time() - begun:.0f} s of processor time here")
    assert told[200] > 500 and told[422] > 500
