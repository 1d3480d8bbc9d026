"""Several readers' marks of one image, as the editor draws them beneath the consensus that is being made."""

from __future__ import annotations

from typing import Any

from pdc.domain.agreement.consensus import Proposed, propose
from pdc.domain.agreement.objects import Reads as Said
from pdc.domain.matching import EVALUATION
from pdc.domain.values import Findings, Mark, Question
from pdc.review.drafts import Draft
from pdc.review.reading.lines import CONSENSUS
from pdc.review.reading.reads import Reads
from pdc.web.ui.annotator import mark_value


def with_readers(value: dict[str, Any], draft: Draft, reads: Reads) -> dict[str, Any]:
    """The editor's value, with the marks of all readers where the draft is their consensus: else nobody is shown any."""
    if draft.kind != CONSENSUS:
        return value
    found = sorted(reads.reads(draft.image.sha256, draft.question).items())
    said = {reader: review.findings for reader, review in found}
    return value | {"readers": readers_value(said, draft.question, draft.findings)}


def readers_value(reads: Said, question: Question, consensus: Findings) -> dict[str, Any]:
    """{"names": [...], "groups": [{"id", "standing", "status", "marks": {name: mark}}], "stated": {name: {label: n}}}.

    A group's id is that of the mark which stands for its object in the consensus; `status` is what it was proposed as.
    """
    free = {mark.id: mark for mark in consensus.marks}
    objects = sorted(propose(reads, question).objects, key=lambda o: o.mark.id not in free)
    groups = [_group(o, _taken(o.mark, free)) for o in objects]
    return {"names": list(reads), "groups": groups, "stated": {name: dict(f.stated) for name, f in reads.items()}}


def _taken(proposed: Mark, free: dict[str, Mark]) -> str:
    """The id of the free mark that stands for this object, which is free no more: by its id, else by its place."""
    there = (id for id, mark in free.items() if EVALUATION.same(mark.shape, proposed.shape))
    id = proposed.id if proposed.id in free else next(there, proposed.id)
    free.pop(id, None)
    return id


def _group(proposed: Proposed, id: str) -> dict[str, Any]:
    own = {reader: mark_value(mark) for reader, mark in proposed.group.marks.items()}
    return {"id": id, "standing": str(proposed.standing), "status": str(proposed.mark.status), "marks": own}
