"""What the review page does for several readers: give images to them, withdraw one, sign, re-open. Handlers are plain methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import gradio as gr

from pdc.domain.message import Message
from pdc.domain.values import Question
from pdc.review.drafts import Draft
from pdc.review.questions import Questions
from pdc.review.reading.dealing import chosen
from pdc.review.reading.reads import Reads
from pdc.review.reading.signing import Signing
from pdc.review.worklist import Worklist, without_hints
from pdc.store.reading.records import ReaderEvent
from pdc.web.ui.screen import user_of
from pdc.web.ui.worklist import filter_from

GIVEN = "Reads given: {n}, images: {images}, for {labels} as {task}."
GIVEN_AGAIN = "Reads given once more: {n}, from {date} on; nothing tells their readers."
WITHDRAWN = "{reader} is withdrawn; what {reader} read of these images counts no more."
MOST_DAYS = 3650


class ReadingPanel:
    """Gives all images that the list shows to several readers, under the question on the screen."""

    def __init__(self, reads: Reads, questions: Questions, images: Worklist) -> None:
        self.reads, self.questions, self.images = reads, questions, images

    def change(self, draft: Draft | None, worklist: Any, request: gr.Request) -> Message:
        """What the page asked for: `give`, `again` or `withdraw`; says in a line what was done."""
        asked = (worklist or {}).get("readers")
        asked = asked if isinstance(asked, Mapping) else {}
        question = draft.question if draft else self.questions.first
        do = {"again": self._again, "withdraw": self._withdraw}.get(str(asked.get("do")), self._give)
        return do(asked, self._shown(worklist, user_of(request)), question, user_of(request))

    def _shown(self, worklist: Any, reader: str) -> list[str]:
        wanted = filter_from((worklist or {}).get("wanted"))
        return list(self.images.shas(reader, without_hints(wanted, self.images.service.blind)))

    def _give(self, asked: Mapping[str, Any], images: Sequence[str], question: Question, by: str) -> Message:
        some = chosen(images, n, str(asked.get("seed") or "")) if (n := _whole(asked.get("some"))) else images
        readers, each = _names(asked.get("readers")), _whole(asked.get("each")) or None
        given = self.reads.assign(some, question, readers, by, each=each, shows_model=asked.get("shows_model") is not False)
        labels = ", ".join(question.labels)
        return Message(GIVEN, n=len(given), images=_number_of(given), labels=labels, task=question.task)

    def _again(self, asked: Mapping[str, Any], images: Sequence[str], question: Question, by: str) -> Message:
        opens_at = datetime.now(UTC) + timedelta(days=min(_whole(asked.get("days")), MOST_DAYS))
        some = chosen(images, n) if (n := _whole(asked.get("some"))) else images
        given = self.reads.repeat(some, question, by, opens_at=opens_at)
        return Message(GIVEN_AGAIN, n=len(given), date=f"{opens_at.astimezone():%Y-%m-%d}")

    def _withdraw(self, asked: Mapping[str, Any], images: Sequence[str], question: Question, by: str) -> Message:
        reader = next(iter(_names(asked.get("readers"))), "")
        self.reads.withdraw(images, question, reader, by, str(asked.get("why") or "")[:200])
        return Message(WITHDRAWN, reader=reader)


def signed_value(signing: Signing, draft: Draft | None) -> dict[str, Any] | None:
    """What the bar shows of a signature: who, when and with which meaning; None where nothing is signed."""
    signature = signing.signature(draft) if draft else None
    if signature is None:
        return None
    at = f"{signature.at.astimezone():%Y-%m-%d %H:%M}"
    return {"by": signature.by, "at": at, "meaning": signature.meaning, "revision": signature.revision}


def reason_in(bar: Any) -> str:
    """Why the reader re-opens a signed review, as the page's bar says."""
    return str((bar or {}).get("reason") or "")[:200] if isinstance(bar, Mapping) else ""


def _names(said: object) -> list[str]:
    """Names in a text, with commas between them."""
    return [name[:64] for part in str(said or "").split(",") if (name := part.strip())]


def _whole(said: object) -> int:
    """A number that was typed; 0 where it is none."""
    text = str(said or "").strip()
    return int(text) if text.isdecimal() and len(text) < 7 else 0


def _number_of(given: Sequence[ReaderEvent]) -> int:
    return len({event.image_sha256 for event in given})
