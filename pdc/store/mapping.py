"""Rows <-> domain values. Findings are stored as JSON; floats survive unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Any

from pdc.domain.certainty.counts import CountChances
from pdc.domain.users.roles import Role
from pdc.domain.values import (
    Adapter,
    AdapterStatus,
    Aside,
    Box,
    Findings,
    Image,
    Likeness,
    Mark,
    Origin,
    Point,
    Prediction,
    Question,
    Review,
    RunStatus,
    Shape,
    Status,
    Task,
    Verdict,
)
from pdc.domain.view import View
from pdc.store.records import Activation, RunRecord, StoredDraft, StoredUser
from pdc.store.tables import ActivationRow, AdapterRow, DraftRow, ImageRow, PredictionRow, ReviewRow, RunRow, UserRow, ViewRow


def dump(value: Any) -> str:
    """Canonical JSON: no spaces, no NaN, non-ASCII as it is."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def question_key(question: Question) -> tuple[str, str]:
    """The two columns that identify a question: its task, and its labels as a canonical JSON array."""
    return str(question.task), dump(list(question.labels))


@lru_cache(4096)
def question_of(task: str, labels: str) -> Question:
    return Question(Task(task), tuple(json.loads(labels)))


def dump_findings(findings: Findings) -> str:
    aside = {} if findings.aside == Aside() else {"aside": _listed(findings.aside)}
    complete = {} if findings.complete else {"complete": False}
    return dump({**_listed(findings), **aside, **complete})


def _listed(found: Findings | Aside) -> dict[str, Any]:
    return {"marks": [_mark_out(m) for m in found.marks], "stated": dict(found.stated)}


def load_findings(text: str) -> Findings:
    """What was stored before anything could be put aside, or be incomplete, was complete."""
    value = json.loads(text)
    aside = value.get("aside", {"marks": [], "stated": {}})
    return Findings(_marks_in(value), value["stated"], Aside(_marks_in(aside), aside["stated"]), value.get("complete", True))


def _marks_in(value: Mapping[str, Any]) -> tuple[Mark, ...]:
    return tuple(_mark_in(m) for m in value["marks"])


def _mark_out(mark: Mark) -> dict[str, Any]:
    place = {"box": mark.shape.xyxy} if isinstance(mark.shape, Box) else {"point": (mark.shape.x, mark.shape.y)}
    return {
        "id": mark.id,
        **place,
        "label": mark.label,
        "origin": str(mark.origin),
        "status": str(mark.status),
        "score": mark.score,
        **({"extent": mark.extent.xyxy} if mark.extent else {}),
        **({"outline": mark.outline} if mark.outline else {}),
        **({"expert": mark.expert} if mark.expert else {}),
        **({"votes": mark.votes} if mark.votes else {}),
    }


def _mark_in(value: Mapping[str, Any]) -> Mark:
    shape: Shape = Box(*value["box"]) if "box" in value else Point(*value["point"])
    outline = tuple(tuple((x, y) for x, y in polygon) for polygon in value.get("outline", ()))
    extent = Box(*value["extent"]) if "extent" in value else None
    return Mark(
        value["id"],
        shape,
        value["label"],
        Origin(value["origin"]),
        Status(value["status"]),
        value["score"],
        extent=extent,
        outline=outline,
        expert=value.get("expert"),
        votes=tuple(value["votes"]) if "votes" in value else None,
    )


def image(row: ImageRow, name: str | None = None) -> Image:
    """Under the name that it has for somebody, if one is given."""
    view = load_view(row.view.view if row.view else None)
    return Image(row.sha256, row.name if name is None else name, row.width, row.height, row.group_name, row.created_at, view)


def image_row(image: Image) -> ImageRow:
    return ImageRow(
        sha256=image.sha256,
        name=image.name,
        width=image.width,
        height=image.height,
        group_name=image.group,
        created_at=image.created_at,
    )


def load_view(text: str | None) -> View | None:
    return None if text is None else View.of(json.loads(text))


def view_row(sha256: str, view: View) -> ViewRow:
    return ViewRow(image_sha256=sha256, view=dump(view.stored()), at=datetime.now(UTC))


def dump_view(view: View | None) -> str | None:
    return None if view is None else dump(view.stored())


def load_chances(text: str | None) -> CountChances:
    """Of answers from before it was kept: unknown."""
    return {label: {int(n): p for n, p in of.items()} for label, of in json.loads(text or "{}").items()}


def dump_chances(chances: CountChances) -> str | None:
    return dump(chances) if chances else None


def load_likeness(text: str | None) -> Likeness:
    return json.loads(text or "{}")


def prediction(row: PredictionRow) -> Prediction:
    return Prediction(
        id=row.id,
        image_sha256=row.image_sha256,
        question=question_of(row.task, row.labels),
        findings=None if row.findings is None else load_findings(row.findings),
        raw=row.raw,
        model=row.model,
        adapter=row.adapter,
        prompt_version=row.prompt_version,
        seconds=row.seconds,
        created_at=row.created_at,
        cut=row.cut,
        max_pixels=row.max_pixels,
        short_of_memory=row.short_of_memory,
        view=load_view(row.view),
        experts=load_texts(row.experts),
        counts=load_chances(row.counts),
        likeness=load_likeness(row.likeness),
        version=row.version,
        looks=row.looks,
        lost_looks=row.lost_looks,
    )


def load_texts(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(json.loads(text))


def dump_texts(texts: tuple[str, ...]) -> str | None:
    return dump(list(texts)) if texts else None


def prediction_row(prediction: Prediction) -> PredictionRow:
    task, labels = question_key(prediction.question)
    return PredictionRow(
        id=prediction.id,
        image_sha256=prediction.image_sha256,
        task=task,
        labels=labels,
        findings=None if prediction.findings is None else dump_findings(prediction.findings),
        raw=prediction.raw,
        model=prediction.model,
        adapter=prediction.adapter,
        prompt_version=prediction.prompt_version,
        seconds=prediction.seconds,
        created_at=prediction.created_at,
        cut=prediction.cut,
        max_pixels=prediction.max_pixels,
        short_of_memory=prediction.short_of_memory,
        view=dump_view(prediction.view),
        experts=dump_texts(prediction.experts),
        counts=dump_chances(prediction.counts),
        likeness=dump(dict(prediction.likeness)) if prediction.likeness else None,
        version=prediction.version,
        looks=prediction.looks,
        lost_looks=prediction.lost_looks,
    )


def review(row: ReviewRow) -> Review:
    return Review(
        id=row.id,
        image_sha256=row.image_sha256,
        question=question_of(row.task, row.labels),
        prediction_id=row.prediction_id,
        verdict=Verdict(row.verdict),
        findings=load_findings(row.findings),
        author=row.author,
        revision=row.revision,
        created_at=row.created_at,
        blind=row.blind,
        rests_on=load_texts(row.rests_on),
    )


def review_row(review: Review, key: str) -> ReviewRow:
    task, labels = question_key(review.question)
    return ReviewRow(
        id=review.id,
        key=key,
        image_sha256=review.image_sha256,
        task=task,
        labels=labels,
        prediction_id=review.prediction_id,
        verdict=str(review.verdict),
        findings=dump_findings(review.findings),
        author=review.author,
        revision=review.revision,
        created_at=review.created_at,
        blind=review.blind,
        rests_on=dump_texts(review.rests_on),
    )


def draft(row: DraftRow) -> StoredDraft:
    return StoredDraft(
        author=row.author,
        image_sha256=row.image_sha256,
        question=question_of(row.task, row.labels),
        findings=load_findings(row.findings),
        base_revision=row.base_revision,
        prediction_id=row.prediction_id,
        saved_at=row.saved_at,
        key=row.key,
    )


def adapter(row: AdapterRow) -> Adapter:
    return Adapter(
        name=row.name,
        base=row.base,
        path=row.path,
        status=AdapterStatus(row.status),
        parent=row.parent,
        prompt_version=row.prompt_version,
        metrics=json.loads(row.metrics),
        created_at=row.created_at,
    )


def adapter_row(adapter: Adapter) -> AdapterRow:
    return AdapterRow(
        name=adapter.name,
        base=adapter.base,
        path=adapter.path,
        status=str(adapter.status),
        parent=adapter.parent,
        prompt_version=adapter.prompt_version,
        metrics=dump_metrics(adapter.metrics),
        created_at=adapter.created_at,
    )


def dump_metrics(metrics: Mapping[str, object]) -> str:
    """As JSON; a number that is not finite (a mean over nothing) becomes null."""
    return dump(_finite(dict(metrics)))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def activation(row: ActivationRow) -> Activation:
    labels = None if row.labels is None else tuple(json.loads(row.labels))
    return Activation(row.base, row.adapter, row.by, row.reason, row.at, row.rolled_back, labels, row.seq, row.undoes)


def dump_labels(labels: Iterable[str] | None) -> str | None:
    return None if labels is None else dump(sorted(labels))


def run(row: RunRow) -> RunRecord:
    return RunRecord(row.name, row.folder, RunStatus(row.status), row.started_at, row.finished_at)


def run_row(run: RunRecord) -> RunRow:
    return RunRow(
        name=run.name,
        folder=run.folder,
        status=str(RunStatus(run.status)),
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def user(row: UserRow) -> StoredUser:
    return StoredUser(row.name, row.password_hash, row.created_at, Role(row.role))
