"""kill -9 while saving: what was acknowledged is there, and what was not can be sent again without a duplicate."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_values import a_review, an_image, url_of

from pdc.store import Store

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 20
SAVERS = """
import os, sys
sys.path.insert(0, "tests")
from store_values import ASK, SHA, a_review
from pdc.store import Store

def save_for_ever(url, life):
    store = Store.open(url)
    current = store.current_review(SHA, ASK)
    revision = current.revision if current else 0
    say(os.getpid())
    while True:
        key = f"{life}-{revision + 1}"
        store.save_review(a_review(key), key=key, base_revision=revision)
        revision += 1
        say(key)

def say(line):
    os.write(1, f"{line}\\n".encode())  # one write: a kill leaves a whole line or none, which print does not promise

for life in map(str.strip, sys.stdin):  # each life is a process of its own, forked after the slow imports
    child = os.fork()
    if child == 0:
        save_for_ever(sys.argv[1], life)
    os.waitpid(child, 0)
    say("dead")
"""


def acknowledged_before_the_kill(savers: subprocess.Popen[str], life: int, chance: random.Random) -> list[str]:
    """The keys that a process saw saved until it was killed without warning, at any moment of a save."""
    print(life, file=savers.stdin, flush=True)
    pid = int(savers.stdout.readline())
    told = [savers.stdout.readline().strip() for _ in range(chance.randrange(12))]
    time.sleep(chance.uniform(0, 0.02))
    os.kill(pid, signal.SIGKILL)
    return told + [line.strip() for line in iter(savers.stdout.readline, "dead\n")]


@pytest.mark.skipif(os.name == "nt", reason="needs fork and SIGKILL")
@pytest.mark.slow
def test_kill_during_saves_loses_nothing_acknowledged_and_a_repeat_adds_nothing(tmp_path: Path):
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    store.close()
    chance = random.Random(7)
    told: list[str] = []
    command, pipe = [sys.executable, "-c", SAVERS, url_of(tmp_path)], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as savers:
        for life in range(ROUNDS):
            told += acknowledged_before_the_kill(savers, life, chance)
            store = Store.open(url_of(tmp_path))
            saved = [r.id for r in store.reviews()]
            assert set(told) <= set(saved)
            _send_again_what_came_after(store, life, told, saved)
            store.close()

    store = Store.open(url_of(tmp_path))
    revisions = [r.revision for r in store.reviews()]
    assert revisions == list(range(1, len(revisions) + 1))
    assert len(told) > ROUNDS, "the children were killed before they could save"
    store.close()


def _send_again_what_came_after(store: Store, life: int, told: list[str], saved: list[str]) -> None:
    """As a browser would whose answer never came: the attempt that was under way, with its own key."""
    last = int(told[-1].split("-")[1]) if told and told[-1].startswith(f"{life}-") else None
    before = last if last is not None else _revision_before(life, saved)
    key = f"{life}-{before + 1}"
    again = store.save_review(a_review(key), key=key, base_revision=before)
    assert again.revision == before + 1
    expected = len(saved) + (key not in saved)
    assert len(store.reviews()) == expected


def _revision_before(life: int, saved: list[str]) -> int:
    return sum(not key.startswith(f"{life}-") for key in saved)
