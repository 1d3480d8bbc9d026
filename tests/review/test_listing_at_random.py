"""Whatever readers do, a list that is kept shows what is worked out from everything that is stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from databases import url_of
from desk import Scripted
from listing_by_hand import ByHand

from pdc.domain.errors import PdcError
from pdc.domain.label_changes import LabelChange
from pdc.domain.values import Box, Findings, Image, Mark, Origin, Prediction, Question, Status, Task, Verdict
from pdc.images.intake import ImageFiles
from pdc.review.listing.entries import HELD_BACK, MY_READS, TO_DO, Order, Stage, WorklistFilter
from pdc.review.reading.signing import Signing
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist
from pdc.store import Store
from pdc.store.records import EventKind

pytestmark = pytest.mark.both_databases("nightly")
READERS = ("ada", "ben", "cleo")
LABELS = ("polyp", "ulcer", "bleeding")
STAGES = ("", TO_DO, MY_READS, HELD_BACK, *Stage)
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Hands:
    """Readers who do anything that may be done, by a seed."""

    def __init__(self, service: ReviewService, seed: int) -> None:
        self.service, self.store, self.random = service, service.store, Random(seed)
        self.shas: list[str] = []
        self.acts: list[Callable[[], object]] = [
            *([self.bring, self.answer, self.edit, self.save] * 3),
            *(self.skip, self.accept_unseen, self.back, self.assign, self.retire, self.restore, self.hold, self.release),
            *(self.give, self.give, self.withdraw, self.repeat, self.sign, self.rename, self.merge, self.drop),
        ]

    def act(self) -> str:
        """Its name; what may not be done is left."""
        act = self.random.choice(self.acts) if len(self.shas) > 2 else self.bring
        try:
            act()
        except PdcError as error:
            return f"{act.__name__}: {error}"
        return act.__name__

    def sha(self) -> str:
        return self.random.choice(self.shas)

    def some(self) -> list[str]:
        return self.random.sample(self.shas, min(len(self.shas), 2))

    def reader(self) -> str:
        return self.random.choice(READERS)

    def question(self) -> Question:
        return Question(Task.COUNT_AND_BOX, self.random.choice((LABELS[:1], LABELS[:2], LABELS)))

    def findings(self, scored: bool = False) -> Findings:
        n, random = self.random.randint(0, 3), self.random
        return Findings(
            tuple(
                Mark(
                    f"m{k}",
                    Box(k, 1, k + 8, 9),
                    random.choice(LABELS),
                    Origin.MODEL,
                    random.choice(tuple(Status)),
                    random.random() if scored else None,
                )
                for k in range(n)
            )
        )

    def bring(self) -> None:
        n = len(self.shas)
        sha = sha256(str(n).encode()).hexdigest()
        name = f"{self.random.choice(('Smear', 'field', 'Ünner'))} {self.random.randint(1, 30)}.png"
        self.shas.append(sha)
        self.store.add_image(Image(sha, name, 40, 30, sha, AT + timedelta(seconds=n)), self.reader())
        if self.random.random() < 0.3:
            self.store.add_image(Image(sha, f"again {n}.png", 40, 30, sha, AT), self.reader())

    def answer(self) -> None:
        random, found = self.random, None if self.random.random() < 0.1 else self.findings(random_bool(self.random))
        like = {"polyp": random.choice((0.0, 0.9))} if random.random() < 0.3 else {}
        id = f"p{random.random()}"
        said = Prediction(id, self.sha(), self.question(), found, "[]", "model", None, "1", 1.0, datetime.now(UTC), likeness=like)
        self.store.add_prediction(said)

    def opened(self):
        draft = self.service.open(self.sha(), self.question(), self.reader())
        return replace(draft, findings=self.findings())

    def edit(self) -> None:
        draft = self.opened()
        self.service.edit(draft, draft.findings)

    def drop(self) -> None:
        line = self.random.choice(self.store.draft_lines() or [None])
        if line:
            self.store.drop_draft(line.author, line.image_sha256, line.question, line.key)

    def save(self) -> None:
        self.service.save(self.opened())

    def skip(self) -> None:
        self.service.skip(self.opened())

    def accept_unseen(self) -> None:
        self.service.save(self.opened(), self.random.choice((Verdict.AUTO_ACCEPTED, Verdict.TAKEN_BACK)))

    def back(self) -> None:
        self.store.add_events([self.sha()], EventKind.SENT_BACK, by=self.reader(), note="blurred")

    def assign(self) -> None:
        Worklist(self.service).assign(self.some(), self.random.choice((*READERS, None)), self.reader())

    def retire(self) -> None:
        self.service.retire([self.sha()], self.reader(), "twice")

    def restore(self) -> None:
        self.service.restore(self.shas, self.reader())

    def hold(self) -> None:
        self.service.hold_back([self.sha()], self.reader(), "not yet")

    def release(self) -> None:
        self.service.release([self.sha()], self.reader())

    def give(self) -> None:
        shows = random_bool(self.random)
        self.service.reads.assign(self.some(), self.question(), self.random.sample(READERS, 2), "head", shows_model=shows)

    def withdraw(self) -> None:
        self.service.reads.withdraw(self.shas, self.question(), self.reader(), "head", "ill")

    def repeat(self) -> None:
        """Some at once, some a moment later."""
        soon = datetime.now(UTC) + timedelta(milliseconds=self.random.choice((0, 20)))
        self.service.reads.repeat(self.shas, self.question(), "head", opens_at=soon)
        time.sleep(0.03)

    def sign(self) -> None:
        Signing(self.service).sign(self.service.open(self.sha(), self.question(), self.reader()))

    def rename(self) -> None:
        old = self.random.choice(self.store.labels())
        self.store.change_label(old, LabelChange.RENAMED, f"{old[:8]} {len(self.store.label_events())}", by="ada")

    def merge(self) -> None:
        one, *others = self.random.sample(self.store.labels(), min(2, len(self.store.labels())))
        for other in others:
            self.store.change_label(one, LabelChange.MERGED, other, by="ada")


def random_bool(random: Random) -> bool:
    return random.random() < 0.5


def wanted(random: Random, store: Store) -> WorklistFilter:
    label = random.choice(("", "", *store.labels()))
    name = random.choice(("", "", "ME", "eld", "smear 1", "ÜNN", "5"))
    reader = random.choice(("", "", "-", "ben"))
    return WorklistFilter(random.choice(STAGES), label, name, reader, random.choice(tuple(Order)))


def walk_about(folder: Path, seed: int, acts: int, every: int, **mode) -> None:
    """After `every` so many acts some lists of one reader are compared."""
    store = Store.open(url_of(folder), bare=True)
    for label in LABELS:
        store.add_label(label)
    service = ReviewService(store, ImageFiles(folder / "images"), Scripted(), **mode)
    hands, kept, hand, random = Hands(service, seed), Worklist(service), ByHand(service), Random(seed)
    done: list[str] = []
    for n in range(1, acts + 1):
        done.append(hands.act())
        reader = random.choice((*READERS, "head"))
        asked = [WorklistFilter(), wanted(random, store), wanted(random, store)] if n % every == 0 else []
        for some in asked:
            told = list(kept.walk(reader, some))
            assert told == hand.listed(reader, some), (reader, some, done)
            progress = kept.progress(reader, some)
            assert progress.total == len(told), (reader, some, done)
            assert progress.done == sum(not e.stage.open for e in told) - progress.auto_accepted, (reader, some, done)
        for some in asked[-1:]:
            _parts_join(kept, reader, some, [e.image.sha256 for e in kept.walk(reader, some)], random)
    store.close()


def _parts_join(kept: Worklist, reader: str, asked: WorklistFilter, shas: list[str], random: Random) -> None:
    """Parts, on from the first and back from the last, and around any image."""
    limit = max(2, len(shas) // 3)
    found, part = [], kept.page(reader, asked, limit=limit)
    while part.last is not None:
        found += [e.image.sha256 for e in part.entries]
        part = kept.page(reader, asked, after=part.last, limit=limit)
    assert [*found, *(e.image.sha256 for e in part.entries)] == shas
    last = kept.page(reader, asked, before="end", limit=limit)
    assert [e.image.sha256 for e in last.entries] == shas[-limit:] and last.last is None
    if shas:
        at = random.randrange(len(shas))
        around = kept.page(reader, asked, around=shas[at], limit=limit)
        start = max(0, min(at - limit // 2, len(shas) - limit))
        assert [e.image.sha256 for e in around.entries] == shas[start : start + limit]
        ring = [image.sha256 for image in kept.following(reader, asked, shas[at])]
        still = {e.image.sha256 for e in kept.walk(reader, asked) if e.stage.open}
        assert ring == [sha for sha in [*shas[at + 1 :], *shas[:at]] if sha in still]


MODES = [{}, {"adjudicators": ("head",)}, {"blind": True}, {"private": True}]


@pytest.mark.parametrize("mode", MODES, ids=("shared", "adjudicated", "blind", "private"))
def test_a_list_shows_what_is_worked_out_from_everything(tmp_path: Path, mode: dict):
    walk_about(tmp_path, 1, 30, 15, **mode)


@pytest.mark.nightly
@pytest.mark.parametrize("mode", MODES, ids=("shared", "adjudicated", "blind", "private"))
@pytest.mark.parametrize("seed", range(2, 7))
def test_a_list_shows_what_is_worked_out_from_everything_whatever_is_done(tmp_path: Path, seed: int, mode: dict):
    walk_about(tmp_path, seed, 300, 6, **mode)
