"""The promotion gate's objections in words that need no dictionary; the exact ones stand under Details. Pure."""

from __future__ import annotations

from pdc.adapters import (
    failures,
    false_alarms,
    label_losses,
    leaks,
    promotion_gate,
    saved_work,
    score_change,
    suspicions,
    test_sets,
)
from pdc.domain.message import Message

PLAIN = {
    promotion_gate.NOT_MEASURED: "it was not measured, as no image is held out.",
    promotion_gate.NOT_COMPARED: "something else is in use since it was made, so nobody knows which is better. Train again.",
    leaks.LEAK: "it has learnt from {n} of the images it was measured on.",
    score_change.UNKNOWN: "the {n} held-out images are too few to compare it with what is in use.",
    score_change.WORSE: "it is worse than what is in use, on {n} held-out images.",
    score_change.UNDECIDED: "it may be worse than what is in use; {more} more held-out images are needed to tell.",
    score_change.BLANK: "it sees something in empty images.",
    label_losses.VANISHED: "it never finds '{label}' any more.",
    saved_work.MAKES_WORK: "it leaves more to correct: {after} changes an image, {before} with what is in use.",
    failures.REFUSED: "it got worse at {what}.",
    failures.UNDECIDED: "it may have got worse at {what}; {more} more held-out images are needed to tell.",
    false_alarms.NEW_ALARMS: "it finds '{label}' where there is none.",
    test_sets.LOSES: "it is worse on the images of {name}.",
    test_sets.FAILS_MORE: "it fails more often on the images of {name}.",
}
"""What the gate says -> what is said at the top of the tab, of the same fields, after "Better not used:"."""
SUBJECTS = {
    failures.ZERO_CASE: "saying 'none' only where there is nothing",
    failures.UNREADABLE: "giving answers that can be read",
    failures.COUNT_MAE: "counting",
    failures.COUNT_RMSE: "counting",
    failures.F1: "finding what is there",
    failures.RECALL: "finding every '{slice}'",
    failures.ALARMS: "finding '{slice}' only where it is",
}
"""What may get worse -> the same after "worse at"."""
STANDS_OUT = "the reviews of {reader} stand out; look at them first."
SUSPICIONS = {*suspicions.SENTENCES.values(), suspicions.UNKNOWN}


def plain(objection: str) -> str:
    """The objection in plain words; one that has none stays as it is."""
    if not isinstance(objection, Message):
        return objection
    first = objection.fields.get("part0", objection)  # a suspicion comes joined with what to do about it
    if not isinstance(first, Message):
        return objection
    text = STANDS_OUT if first.text in SUSPICIONS else {**PLAIN, **SUBJECTS}.get(first.text)
    if text is None:
        return objection
    fields = {name: plain(of) if isinstance(of, Message) else of for name, of in first.fields.items()}
    return Message(text, **{name: of for name, of in fields.items() if f"{{{name}}}" in text})
