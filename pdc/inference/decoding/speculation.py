"""The drafter of speculative decoding: the rest of a half-written answer, as it would read if the proposals were right.

A draft model is usually a smaller language model. Here the dense head has proposed all marks in one look, and the answer
format turns proposals into text, so a draft takes no pass at all. A wrong draft costs only its share of the pass that
verifies it. What the model would have written instead corrects the proposals, so the next draft is better.
Drafts are accepted or rejected in `sequence`.
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

MIN_SCORE = 0.3  # proposals above are expected in the answer; weaker ones only help to finish a mark that was begun
TOKEN_PX = 28  # pixels of a visual token: answers list marks by the token that holds their centre
# A number corrected by more pixels than this, or than this share of its box's side, is another mark's.
MAX_SHIFT, MAX_SHIFT_SHARE = 40, 0.3
ORDER_PENALTY, SCORE_PENALTY = 30, 10  # in pixels: for a proposal out of order, for one without any score


class Drafter:
    """The proposals of one answer, and the text that would follow from them.

    Proposals are known by their index in `proposals`; `learn` moves them towards what the model writes.
    """

    def __init__(self, question: Question, style: str, proposals: Iterable[Proposal]) -> None:
        self.question, self.style = question, style
        self.proposals = [p for p in proposals if p.label in question.labels]
        self._drafted: list[tuple[int, int, int]] = []  # (proposal, start, end) of the last draft's shapes, in its own text

    def draft(self, text: str) -> str:
        """The text that is expected to follow `text`, or "" when no draft fits."""
        so_far = read_partial(self.question, text, self.style)
        # First as if the list under way went on with proposals, then as if it ended here.
        for list_goes_on in (True, False):
            if (rest := self._rest(text, so_far, list_goes_on)) is not None:
                return rest
        return ""

    def _rest(self, text: str, so_far: PartialAnswer, list_goes_on: bool) -> str | None:
        """Write the whole answer, written marks and proposals, and return what comes after `text`; None unless it fits."""
        current, following = self._expected(so_far) if list_goes_on else (None, [])
        later = [] if so_far.flat else self._of_later_labels(so_far)
        chosen = [*([current] if current is not None else []), *following, *later]
        whole = self._answer(so_far, [self._completed(so_far, i, i == current) for i in chosen])
        if whole is None:
            return None
        # The model may have written a mark otherwise, with swapped corners for instance. So the two texts are aligned at the
        # end of the last complete shape; from there to the end of `text` they must agree.
        n = len(find_shapes(text))
        done, shapes = _end(find_shapes(text), n), find_shapes(whole)
        cut = _end(shapes, n) + len(text) - done
        if whole[_end(shapes, n) : cut] != text[done:]:
            return None
        self._drafted = [(i, m.start() - cut, m.end() - cut) for i, m in zip(chosen, shapes[n:], strict=False)]
        return whole[cut:]

    def _expected(self, so_far: PartialAnswer) -> tuple[int | None, list[int]]:
        """(the proposal that the begun shape is, those that should follow under the same label)."""
        if so_far.label is None:
            return None, []
        written = [m.numbers for m in so_far.marks if m.label == so_far.label]
        labels = self.question.labels[self.question.labels.index(so_far.label) :][: None if so_far.flat else 1]
        last = (labels[0], written[-1]) if written else None
        candidates = [i for i, p in enumerate(self.proposals) if p.label in labels and not _same(p.numbers, written[-1:])]
        candidates.sort(key=self._order)
        current = None
        begun = so_far.begun
        if begun is not None and candidates:
            current = min(candidates, key=lambda i: self._cost(i, begun, last))
            last = self.proposals[current].label, self._completed(so_far, current, True).numbers
        following = [i for i in candidates if i != current and self.proposals[i].score >= MIN_SCORE and self._follows(i, last)]
        if so_far.count is not None:
            missing = so_far.count - len(written) - (current is not None)
            following = self._surest(missing, following, candidates, current)
        return current, following

    def _order(self, i: int) -> tuple[int, int, int]:
        """Where the proposal stands in an answer: by label, then in reading order of the visual tokens."""
        return self.question.labels.index(self.proposals[i].label), *_cell(self.proposals[i].numbers)

    def _follows(self, i: int, last: tuple[str, Sequence[int]] | None) -> bool:
        """Whether the proposal comes after the mark (label, numbers) in an answer's order."""
        return last is None or self._order(i) > (self.question.labels.index(last[0]), *_cell(last[1]))

    def _surest(self, n: int, following: list[int], candidates: list[int], current: int | None) -> list[int]:
        """The `n` surest proposals, in order: a count that was stated first says how many marks there must be."""
        spare = [i for i in candidates if i != current and i not in following]
        ranked = sorted(following, key=lambda i: -self.proposals[i].score) + spare
        return sorted(ranked[: max(n, 0)], key=self._order)

    def _cost(self, i: int, begun: Sequence[int], last: tuple[str, Sequence[int]] | None) -> float:
        """How badly the proposal fits the numbers begun, in pixels: L1 distance, and the two penalties."""
        p = self.proposals[i]
        off = sum(abs(a - b) for a, b in zip(p.numbers, begun, strict=False))
        return off + ORDER_PENALTY * (not self._follows(i, last)) + SCORE_PENALTY * (1 - p.score)

    def _of_later_labels(self, so_far: PartialAnswer) -> list[int]:
        labels = self.question.labels
        after = labels[labels.index(so_far.label) + 1 :] if so_far.label else labels
        expected = [i for i, p in enumerate(self.proposals) if p.label in after and p.score >= MIN_SCORE]
        return sorted(expected, key=self._order)

    def _completed(self, so_far: PartialAnswer, i: int, current: bool) -> Proposal:
        """The proposal with the numbers written already. Its other numbers are raised to them, so that x1 <= x2, y1 <= y2."""
        p = self.proposals[i]
        if not current or not so_far.begun:
            return p
        begun = so_far.begun[: len(p.numbers)]
        moved = [*begun, *p.numbers[len(begun) :]]
        for k in range(2, len(moved)):
            moved[k] = max(moved[k], moved[k - 2]) if k >= len(begun) else moved[k]
        return replace(p, numbers=tuple(moved))

    def _answer(self, so_far: PartialAnswer, following: Sequence[Proposal]) -> str | None:
        """The whole answer in the prompt format, of the marks written and those to follow; None for an impossible box."""
        if not self.question.task.has_marks:
            counts = {label: 0 for label in self.question.labels}
            for p in self.proposals:
                counts[p.label] += p.score >= MIN_SCORE
            return answer(self.question, Findings((), counts), self.style)
        listed = [(m.label, m.numbers) for m in so_far.marks] + [(p.label, p.numbers) for p in following]
        if any(not _possible(numbers) for _, numbers in listed[len(so_far.marks) :]):
            return None
        marks = tuple(Mark(str(i), shape_of(numbers), label) for i, (label, numbers) in enumerate(listed))
        return answer(self.question, Findings(marks), self.style)

    def learn(self, pieces: Sequence[str], guesses: Sequence[str]) -> None:
        """Correct the proposals by what the model would have written at each token of the last draft."""
        at = 0  # where the token begins in the draft's text
        for piece, guess in zip(pieces, guesses, strict=True):
            if piece != guess and piece.strip().isdigit() and guess.strip().isdigit():
                self._correct(at, int(piece), int(guess), "".join(pieces))
            at += len(piece)

    def _correct(self, at: int, was: int, now: int, text: str) -> None:
        """Change the number at `at` in the draft from `was` to `now`, in the proposal that it was drafted from."""
        for i, start, end in self._drafted:
            if start <= at < end:
                nth = len(re.findall(r"\d+", text[max(start, 0) : at]))
                # A shape that was begun before the draft has fewer numbers in it than the proposal.
                missing = len(self.proposals[i].numbers) - len(re.findall(r"\d+", text[max(start, 0) : end]))
                numbers = list(self.proposals[i].numbers)
                which = nth + missing
                if 0 <= which < len(numbers) and numbers[which] == was and abs(was - now) <= _max_shift(numbers, which):
                    numbers[which] = now
                    self.proposals[i] = replace(self.proposals[i], numbers=tuple(numbers))
                return


def _max_shift(numbers: Sequence[int], which: int) -> float:
    """How far the number may be corrected, in pixels, before it is another mark's."""
    if len(numbers) == 2:
        return MAX_SHIFT
    return min(MAX_SHIFT, MAX_SHIFT_SHARE * abs(numbers[which % 2 + 2] - numbers[which % 2]))


def _end(shapes: Sequence[re.Match[str]], n: int) -> int:
    """Where the n-th shape ends in its text; 0 when there is none."""
    return shapes[n - 1].end() if n and n <= len(shapes) else 0


def _possible(numbers: Sequence[int]) -> bool:
    return len(numbers) == 2 or (numbers[0] <= numbers[2] and numbers[1] <= numbers[3])


def _cell(numbers: Sequence[int]) -> tuple[int, int]:
    """(row, column) of the visual token that holds the centre."""
    x, y = numbers[:2] if len(numbers) == 2 else ((numbers[0] + numbers[2]) / 2, (numbers[1] + numbers[3]) / 2)
    return int(y // TOKEN_PX), int(x // TOKEN_PX)


def _same(a: Sequence[int], last: Sequence[Sequence[int]]) -> bool:
    """Whether the shape is that of the mark in `last`, which holds one or none."""
    if not last or _disjoint(a, last[0]):
        return False
    return DRAFT.same(shape_of(a), shape_of(last[0]))


def _disjoint(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two boxes as they are usually written surely have nothing in common: a cheap test before IoU."""
    return len(a) == len(b) == 4 and (a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]) and _possible(a) and _possible(b)
