"""Three processes start at once and write about the same images: no error but a refusal that says so, nothing lost, no revision
twice, and one record that holds."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from databases import Server

from pdc.store import Store
from pdc.store.audit.chain import RecordPlace

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, ROUNDS = 3, 12
WRITE_FOR_SECONDS = """
import random, sys, time
import alembic.command
sys.path.insert(0, "tests")
from store_values import ASK, FOUND, a_review, an_image
from pdc.domain.errors import StaleSave
from pathlib import Path
from pdc.store import EventKind, Store
from pdc.store.audit.chain import RecordPlace

me, url, seconds, images, home = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[6])
print("ready", flush=True)
sys.stdin.readline()
store, chance = Store.open(url, record=RecordPlace.beside(url, home)), random.Random(me)
end, n = time.monotonic() + seconds, 0
while n < int(sys.argv[5]) or time.monotonic() < end:
    n += 1
    sha = f"{chance.randrange(images):064d}"
    store.add_image(an_image(sha), owner="ada")
    store.put_draft("ada", sha, ASK, FOUND, 0, None, "tab")
    store.add_label(f"label {n % 50}")
    store.keep_likenesses(1, {sha: me})
    store.add_events([sha], EventKind.SENT_BACK, by=me, note=str(n))
    current = store.current_review(sha, ASK)
    key = f"{me}-{n}"
    try:
        review = a_review(key, image_sha256=sha, author=me)
        store.save_review(review, key=key, base_revision=current.revision if current else 0)
        print("saved", key, flush=True)
    except StaleSave:
        print("stale", key, flush=True)
store.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("images", "seconds"), [(3, 0), pytest.param(60, 60, marks=pytest.mark.nightly)])
def test_three_processes_start_on_an_empty_database_write_the_same_images_and_lose_nothing(
    postgres: Server, tmp_path: Path, images: int, seconds: int
):
    url, pipe = postgres.create(empty=True), subprocess.PIPE
    asked = url, str(seconds), str(images), str(ROUNDS), str(tmp_path)
    commands = [[sys.executable, "-c", WRITE_FOR_SECONDS, f"p{i}", *asked] for i in range(PROCESSES)]
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for command in commands]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
    for process in processes:
        print(file=process.stdin, flush=True)
    store = Store.open(url, record=RecordPlace.beside(url, tmp_path))
    first = processes[0].stdout.readline().split()
    while first[0] == "stale":
        first = processes[0].stdout.readline().split()
    assert first[1] in {review.id for review in store.reviews()}  # at once, in another process

    said = [line.split() for process in processes for line in process.communicate(timeout=seconds + 300)[0].splitlines()]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    told = [key for word, key in [first, *said] if word == "saved"]
    reviews, revisions = store.reviews(), defaultdict(list)
    for review in reviews:
        revisions[review.image_sha256].append(review.revision)
    assert sorted(told) == sorted(review.id for review in reviews) and Counter(told).most_common(1)[0][1] == 1
    assert all(found == list(range(1, len(found) + 1)) for found in revisions.values())
    assert len(store.images()) <= images and len({label for label in store.labels() if "label" in label}) <= 50
    assert {key.split("-")[0] for key in told} == {f"p{i}" for i in range(PROCESSES)}
    record = store.check_record()
    assert record.fault is None and record.rows > len(told)
    print(f"{len(told)} saved, {sum(word == 'stale' for word, _ in said)} refused as stale in {seconds} s")
    store.close()
    postgres.drop(url)
