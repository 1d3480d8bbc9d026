"""One question split among adapters and the base: each label is asked of whoever answers about it, and one answer is made of
all. What a part says of its labels stands in the whole as it would stand alone. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from pdc.domain.message import Message
from pdc.domain.values import Findings, Question
from pdc.inference.adapter_ref import BETWEEN_NAMES, AdapterRef, Route
from pdc.inference.predictors.base import Answer, SoFar

UNREADABLE = "The answer about {labels} could not be read; ask about that alone."
V = TypeVar("V")
Part = SoFar | Answer


@dataclass(frozen=True, slots=True)
class SplitQuestion:
    """A question, the part of it that each adapter is asked, and the base; and the adapters' names, as an answer keeps them."""

    question: Question
    parts: tuple[tuple[AdapterRef, Question], ...]
    adapter: str | None

    @classmethod
    def of(cls, question: Question, route: Route) -> SplitQuestion:
        return cls(question, tuple(route.split(question).items()), route.names(question.labels))

    def so_far(self, done: Sequence[Answer], part: SoFar | None = None) -> SoFar:
        """What the parts that are done found, and the one in the making."""
        if part and len(self.parts) == 1:
            return part
        found = [a.findings for a in done] + ([part.findings] if part else [])
        likeness = {label: n for known in (*done, *filter(None, [part])) for label, n in known.likeness.items()}
        return SoFar(self.findings(found), likeness)

    def findings(self, found: Sequence[Findings | None]) -> Findings:
        """What the first parts found, in the order of the asked labels. Without a part, or with one that could not be read
        (None), it is incomplete."""
        labels = self.question.labels
        marks = [replace(m, id=f"{m.id}-{i}" if i else m.id) for i, f in enumerate(found) if f for m in f.marks]
        stated = {label: n for f in found if f for label, n in f.stated.items()}
        return Findings(
            tuple(m for label in labels for m in marks if m.label == label),
            {label: stated[label] for label in labels if label in stated},
            complete=len(found) == len(self.parts) and all(f is not None and f.complete for f in found),
        )

    def answer(self, answers: Sequence[Answer], seconds: float) -> Answer:
        """One answer out of the parts' answers. Its findings are None when none of them could be read."""
        first = answers[0]
        if len(answers) == 1:
            return replace(first, seconds=round(seconds, 3))
        unread = [label for a, (_, q) in zip(answers, self.parts, strict=True) if a.findings is None for label in q.labels]
        notes = [*(note for a in answers for note in a.notes), *_told(unread)]
        return Answer(
            self.findings([a.findings for a in answers]) if any(a.findings for a in answers) else None,
            "\n".join(map(_raw, answers)),
            first.model,
            self.adapter,
            BETWEEN_NAMES.join(dict.fromkeys(a.prompt_version for a in answers)),
            round(seconds, 3),
            self._of_each(a.counts for a in answers),
            notes=tuple(dict.fromkeys(notes)),
            thresholds=self._of_each(a.thresholds for a in answers),
            cut=any(a.cut for a in answers),
            max_pixels=max((a.max_pixels for a in answers if a.max_pixels), default=None),
            short_of_memory=any(a.short_of_memory for a in answers),
            more=self._of_each(a.more for a in answers),
            count_models=self._of_each(a.count_models for a in answers),
            likeness=self._of_each(a.likeness for a in answers),
        )

    def _of_each(self, said: Iterator[Mapping[str, V]]) -> dict[str, V]:
        """What each part says of its own labels."""
        pairs = zip(self.parts, said, strict=True)
        return {label: by_label[label] for (_, q), by_label in pairs for label in q.labels if label in by_label}


def stream_parts(
    split: SplitQuestion, ask: Callable[[AdapterRef, Question], Iterator[Part]], cancelled: Callable[[], bool]
) -> Iterator[Part]:
    """The parts one after the other, each as it comes beside those that are done; the whole answer last. Ends without it
    once `cancelled` says so, as each part does."""
    started, done = time.perf_counter(), []
    for who, asked in split.parts:
        if done:
            yield split.so_far(done)
            if cancelled():
                return
        answer = None
        with closing(cast(Generator[Part], ask(who, asked))) as parts:
            for part in parts:
                if isinstance(part, Answer):
                    answer = part
                else:
                    yield split.so_far(done, part)
        if answer is None:
            return
        done.append(answer)
    yield split.answer(done, time.perf_counter() - started)


def _raw(answer: Answer) -> str:
    """What was said in one part, each line after the name of who said it."""
    who = answer.adapter or answer.model
    return "\n".join(f"{who}: {line}" for line in answer.raw.split("\n"))


def _told(unread: Sequence[str]) -> list[Message]:
    return [Message(UNREADABLE, labels=", ".join(unread))] if unread else []
