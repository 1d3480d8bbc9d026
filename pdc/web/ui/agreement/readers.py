"""Several readers' marks of one image, as the editor draws them beneath the proposed consensus."""

from __future__ import annotations

from typing import Any

from pdc.domain.agreement.consensus import Proposal, Proposed, propose
from pdc.domain.agreement.objects import Reads
from pdc.domain.values import Question
from pdc.web.ui.annotator import mark_value


def readers_value(reads: Reads, question: Question) -> dict[str, Any]:
    """{"names": [...], "groups": [{"id", "standing", "status", "marks": {name: mark}}], "stated": {name: {label: n}}}.

    A group's id is that of the mark proposed for its object; `status` is what that mark was proposed as.
    """
    proposal: Proposal = propose(reads, question)
    stated = {name: dict(findings.stated) for name, findings in reads.items()}
    return {"names": list(reads), "groups": [_group(o) for o in proposal.objects], "stated": stated}


def _group(proposed: Proposed) -> dict[str, Any]:
    mark = proposed.mark
    own = {reader: mark_value(m) for reader, m in proposed.group.marks.items()}
    return {"id": mark.id, "standing": str(proposed.standing), "status": str(mark.status), "marks": own}
