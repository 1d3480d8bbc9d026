"""Drafts: how the rest of a half-written answer would read if the proposals were right.

A draft costs nothing when it is wrong: the language model checks every token of it, all in one pass. What it would have
said instead in that pass corrects the proposals, so the next draft is better.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pdc.domain.matching import DRAFT
from pdc.domain.prompts import answer
from pdc.domain.values import Findings, Mark, Question
from pdc.inference.decoding.partial_answer import PartialAnswer, find_shapes, read_partial, shape_of
from pdc.inference.types import Proposal

SURE = 0.3  # proposals above are expected in the answer; weaker ones only help to finish a mark that was begun
CELL = 28  # pixels of a visual token: answers list marks by the token that holds their centre
NEAR, SHARE = 40, 0.3  # a number corrected by more pixels than this, or than this share of its box's side, is another mark's


class Drafter:
    """Keeps the proposals of one answer and writes the rest of it from them."""

    def __init__(self, question: Question, style: str, proposals: Iterable[Proposal]) -> None:
        self.question, self.style = question, style
        self.proposals = [p for p in proposals if p.label in question.labels]
        self._drawn: list[tuple[int, int, int]] = []  # (proposal, start, end) of the last draft's shapes, in its own text

    def rest(self, text: str) -> str:
        """What would follow `text`, or "" when nothing fits."""
        so_far = read_partial(self.question, text, self.style)
        for more in (True, False):
            if (rest := self._rest(text, so_far, more)) is not None:
                return rest
        return ""

    def _rest(self, text: str, so_far: PartialAnswer, more: bool) -> str | None:
        current, left = self._left(so_far) if more else (None, [])
        later = [] if so_far.flat else self._of_later_labels(so_far)
        chosen = [*([current] if current is not None else []), *left, *later]
        whole = self._answer(so_far, [self._completed(so_far, i, i == current) for i in chosen])
        if whole is None:
            return None
        n = len(find_shapes(text))
        done, drawn = _end(find_shapes(text), n), find_shapes(whole)
        cut = _end(drawn, n) + len(text) - done
        if whole[_end(drawn, n) : cut] != text[done:]:
            return None
        self._drawn = [(i, m.start() - cut, m.end() - cut) for i, m in zip(chosen, drawn[n:], strict=False)]
        return whole[cut:]

    def _left(self, so_far: PartialAnswer) -> tuple[int | None, list[int]]:
        """(the proposal that the begun shape is, those that should follow under the same label)."""
        if so_far.label is None:
            return None, []
        said = [s.numbers for s in so_far.marks if s.label == so_far.label]
        labels = self.question.labels[self.question.labels.index(so_far.label) :][: None if so_far.flat else 1]
        passed = (labels[0], said[-1]) if said else None
        mine = [i for i, p in enumerate(self.proposals) if p.label in labels and not _same(p.numbers, said[-1:])]
        mine.sort(key=self._place)
        current = None
        begun = so_far.begun
        if begun is not None and mine:
            current = min(mine, key=lambda i: self._cost(i, begun, passed))
            passed = self.proposals[current].label, self._completed(so_far, current, True).numbers
        left = [i for i in mine if i != current and self.proposals[i].score >= SURE and self._follows(i, passed)]
        if so_far.count is not None:
            left = self._as_many(so_far.count - len(said) - (current is not None), left, mine, current)
        return current, left

    def _place(self, i: int) -> tuple[int, int, int]:
        """Where the proposal stands in an answer: by label, then by the row and column of its visual token."""
        return self.question.labels.index(self.proposals[i].label), *_cell(self.proposals[i].numbers)

    def _follows(self, i: int, passed: tuple[str, Sequence[int]] | None) -> bool:
        return passed is None or self._place(i) > (self.question.labels.index(passed[0]), *_cell(passed[1]))

    def _as_many(self, wanted: int, left: list[int], mine: list[int], current: int | None) -> list[int]:
        """The surest proposals when the count was stated first."""
        spare = [i for i in mine if i != current and i not in left]
        ranked = sorted(left, key=lambda i: -self.proposals[i].score) + spare
        return sorted(ranked[: max(wanted, 0)], key=self._place)

    def _cost(self, i: int, begun: Sequence[int], passed: tuple[str, Sequence[int]] | None) -> float:
        p = self.proposals[i]
        off = sum(abs(a - b) for a, b in zip(p.numbers, begun, strict=False))
        return off + 30 * (not self._follows(i, passed)) + 10 * (1 - p.score)

    def _of_later_labels(self, so_far: PartialAnswer) -> list[int]:
        labels = self.question.labels
        after = labels[labels.index(so_far.label) + 1 :] if so_far.label else labels
        found = [i for i, p in enumerate(self.proposals) if p.label in after and p.score >= SURE]
        return sorted(found, key=self._place)

    def _completed(self, so_far: PartialAnswer, i: int, current: bool) -> Proposal:
        """The proposal with the numbers that are said already; later ones stay at or above the earlier ones."""
        p = self.proposals[i]
        if not current or not so_far.begun:
            return p
        begun = so_far.begun[: len(p.numbers)]
        moved = [*begun, *p.numbers[len(begun) :]]
        for k in range(2, len(moved)):
            moved[k] = max(moved[k], moved[k - 2]) if k >= len(begun) else moved[k]
        return replace(p, numbers=tuple(moved))

    def _answer(self, so_far: PartialAnswer, following: Sequence[Proposal]) -> str | None:
        if not self.question.task.has_marks:
            counts = {label: 0 for label in self.question.labels}
            for p in self.proposals:
                counts[p.label] += p.score >= SURE
            return answer(self.question, Findings((), counts), self.style)
        listed = [(s.label, s.numbers) for s in so_far.marks] + [(p.label, p.numbers) for p in following]
        if any(not _possible(numbers) for _, numbers in listed[len(so_far.marks) :]):
            return None
        marks = tuple(Mark(str(i), shape_of(numbers), label) for i, (label, numbers) in enumerate(listed))
        return answer(self.question, Findings(marks), self.style)

    def learn(self, pieces: Sequence[str], guesses: Sequence[str]) -> None:
        """Correct the proposals by what the model would have said at each token of the last draft."""
        at = 0
        for piece, guess in zip(pieces, guesses, strict=True):
            if piece != guess and piece.strip().isdigit() and guess.strip().isdigit():
                self._correct(at, int(piece), int(guess), "".join(pieces))
            at += len(piece)

    def _correct(self, at: int, was: int, now: int, text: str) -> None:
        for i, start, end in self._drawn:
            if start <= at < end:
                nth = len(re.findall(r"\d+", text[max(start, 0) : at]))
                missing = len(self.proposals[i].numbers) - len(re.findall(r"\d+", text[max(start, 0) : end]))
                numbers = list(self.proposals[i].numbers)
                which = nth + missing
                if 0 <= which < len(numbers) and numbers[which] == was and abs(was - now) <= _reach(numbers, which):
                    numbers[which] = now
                    self.proposals[i] = replace(self.proposals[i], numbers=tuple(numbers))
                return


def _reach(numbers: Sequence[int], which: int) -> float:
    """How far the number may be corrected, in pixels, before it is another mark's."""
    if len(numbers) == 2:
        return NEAR
    return min(NEAR, SHARE * abs(numbers[which % 2 + 2] - numbers[which % 2]))


def _end(found: Sequence[re.Match[str]], n: int) -> int:
    return found[n - 1].end() if n and n <= len(found) else 0


def _possible(numbers: Sequence[int]) -> bool:
    return len(numbers) == 2 or (numbers[0] <= numbers[2] and numbers[1] <= numbers[3])


def _cell(numbers: Sequence[int]) -> tuple[int, int]:
    """(row, column) of the visual token that holds the centre."""
    x, y = numbers[:2] if len(numbers) == 2 else ((numbers[0] + numbers[2]) / 2, (numbers[1] + numbers[3]) / 2)
    return int(y // CELL), int(x // CELL)


def _same(a: Sequence[int], said: Sequence[Sequence[int]]) -> bool:
    """Whether the shape is the one of `said`, if there is one."""
    if not said or _apart(a, said[0]):
        return False
    return DRAFT.same(shape_of(a), shape_of(said[0]))


def _apart(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two boxes as they are usually written surely have nothing in common."""
    return len(a) == len(b) == 4 and (a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]) and _possible(a) and _possible(b)
