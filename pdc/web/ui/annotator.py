"""The editor as a Gradio component, and its JSON value <-> Findings. Its script alone knows screen pixels.

The value is a draft, all coordinates in pixels of the stored, upright image:
{"case": str, "rev": int, "edits": int, "image": {"url", "width", "height", "name"}, "task": str, "labels": [str, ...],
 "kind": "box" | "point" | "count", "stated": {label: int}, "model_stated": {label: int} | null, "readonly": bool,
 "marks": [{"id", "label", "box": [x1, y1, x2, y2] or "point": [x, y], "origin", "status", "score": float | null}, ...]}
A mark may have "outline": [[[x, y], ...], ...] beside; it moves with the mark, and goes when the mark is given another size.
None means that no image is open. Beside these: "reader": str (whose browser copies these are), "calibration":
{label: {"confident": float, "unsure": float, "n": int}} (from these scores on a mark of the label is called so; n: the reviewed
marks it was measured on; a label without them is uncalibrated), "answering": bool (the model is still at it; the reader may edit,
or stop it), or "loading" (it is being loaded first),
"aside": {"marks": [...], "stated": {label: int}} (kept, and not asked for now), "complete": bool (false: the image may show
more of these labels than the marks say), "found": [id] (the marks that the model's answer counts: one of them whose verdict is
taken back counts again, another one is doubtful), "worth": {"all": W | null, "labels": {label: W}} | null (what the model's
counts are worth, where that is known; W: {"said": int, "low": int, "high": int, "percent": int, "sure": bool}), and, where they
apply, "merge": true, "acked": int and "turned": str. A mark that is a point may have "extent", the box of its object; one that
an expert found has "expert", its name; one that looks voted on has "votes": [n, m], found by n of m looks. An image whose file
holds more than its picture has "view": {"low", "high", "white", "channel", "channels", "url"}: the window and channel of the
picture, and where the file's numbers are.

An image that is a field of a count session has "counting": {"session", "sample", "protocol", "border": {"kind", "out": [side]},
"area": {"shape", ...} | null (the whole image), "classes": [{"name", "labels", "key"}], "before" and "earlier": {class: n}
(counted in the other fields of its replicate, and in other replicates where the target is of all), "least": int | null,
"of": [class], "each", "replicate", "replicates", "finish", "said": {"short", "reached"} (what comes next below the target, and
from it on), "touch": pixels, "place", "places"}. It stays until a value of the same case names another; no mark is changed by it.

`rev` is raised by the server only, when it changes a draft; `edits` by the editor only. The editor takes a value of
the same case when its `rev` is higher (as one step that can be undone), ignores it otherwise, and starts anew for
another case; but with "turned", the case that the editor shows until then, the same document goes on under another question,
with its undo steps. With "merge" it takes the marks of an answer that is still coming, for the same case only: those with new ids
are appended, the model's open marks that are no longer among them go, and those the reader changed or removed after edit
number `edits` stay as the reader left them. With "merge": "step" the same is one step that can be undone.

A value that is saved may have "request", its sender's name of this save: sent again under it, it is stored once.

A value without "marks" carries notes only (`notes_value`): how many edits are stored, and whether the model still answers.
The editor keeps a copy of what the server has not acknowledged in the browser, and offers it when the case is opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

import gradio as gr

from pdc.domain.certainty.counts import Worth
from pdc.domain.errors import PdcError
from pdc.domain.geometry import Size, clip
from pdc.domain.prompts import MAX_COUNT, MAX_MARKS
from pdc.domain.values import (
    MAX_LABELS,
    Aside,
    Box,
    Findings,
    Image,
    Mark,
    Origin,
    Outline,
    Point,
    Question,
    Shape,
    Status,
    Task,
    check_label,
)
from pdc.inference.predictors.vote import MOST_LOOKS
from pdc.web.ui.scripts import on_load

EVENTS = ("edit", "save", "next", "previous", "stop", "closer")
MAX_ID_LENGTH = 64
MAX_CORNERS = 100_000  # of a mark's outline
BAD_ID = "A mark's id has 1 to {n} printable characters; this is {id}."
NOT_PART = "The label {label} is not part of this question; use one of {labels}."
Value = dict[str, Any]
Fit = Callable[[Shape, Size, str], Shape]
"""takes a shape, the image's size and the mark's id: what of the shape is kept; PdcError where it is refused"""

_TEMPLATE = '<div class="pdc-editor"></div>'


class BadDraft(PdcError):
    """The editor sent something that cannot be a draft."""


class Annotator(gr.HTML):
    """Shows and edits a draft. Events: `edit` after every change; `save`, `next`, `previous`, `stop` by their keys; `closer`
    when a region was dragged to look at again (`region_from`)."""

    def __init__(self, value: Value | None = None, *, label: str = "Image and marks", **kw: Any) -> None:
        super().__init__(
            value=value, label=label, html_template=_TEMPLATE, js_on_load=on_load("mount", EVENTS), apply_default_css=False, **kw
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def kind_of(task: Task) -> str:
    return "box" if task.has_boxes else "point" if task.has_points else "count"


def to_value(
    case: str,
    question: Question,
    findings: Findings,
    image: Image,
    url: str,
    *,
    rev: int = 0,
    edits: int = 0,
    reader: str = "",
    model_stated: Mapping[str, int] | None = None,
    readonly: bool = False,
    calibration: Mapping[str, Mapping[str, float]] | None = None,
    answering: bool | str = False,
    merge: bool | str = False,
    acked: int | None = None,
    turned: str | None = None,
    found: Sequence[str] = (),
    worth: Mapping[str, Any] | None = None,
) -> Value:
    """The editor's value for these findings.

    `model_stated` is the model's own count per label, shown beside the reader's; without it `stated` serves where there
    are marks. For counting tasks pass it, since there `stated` is what the reader changes. `calibration`: per label the
    scores from which on a mark is called "confident" and "unsure" ("no answer" below both), and on how many marks ("n") that
    rests.
    `worth` is what the model's counts are worth, as `Worth`: of "all" labels together, None where that is unknown, and of each
    of the "labels" of which it is known.
    """
    value = {
        "case": case,
        "reader": reader,
        "rev": rev,
        "edits": edits,
        "image": {"url": url, "width": image.width, "height": image.height, "name": image.name, **_view_value(image)},
        "task": str(question.task),
        "labels": list(question.labels),
        "kind": kind_of(question.task),
        "marks": [mark_value(mark) for mark in findings.marks],
        "stated": dict(findings.stated),
        "aside": {"marks": [mark_value(mark) for mark in findings.aside.marks], "stated": dict(findings.aside.stated)},
        "complete": findings.complete,
        "model_stated": None if model_stated is None else dict(model_stated),
        "readonly": readonly,
        "calibration": {n: {key: of[key] for key in ("confident", "unsure", "n")} for n, of in (calibration or {}).items()},
        "answering": answering,
        "found": list(found),
        "worth": worth
        and {"all": _worth_value(worth["all"]), "labels": {n: _worth_value(w) for n, w in worth["labels"].items()}},
    }
    also = {"merge": merge or None, "acked": acked, "turned": turned}
    return value | {key: note for key, note in also.items() if note is not None}


def notes_value(case: str, rev: int, *, acked: int | None = None, answering: bool | None = None) -> Value:
    """What the editor should know of this case without its marks: `acked` edits are stored; the model is `answering`."""
    notes = {"acked": acked, "answering": answering}
    return {"case": case, "rev": rev} | {key: note for key, note in notes.items() if note is not None}


def _worth_value(worth: Worth | None) -> Value | None:
    return worth and {"said": worth.said, "low": worth.low, "high": worth.high, "percent": worth.percent, "sure": worth.sure}


def _view_value(image: Image) -> Value:
    """What the picture shows of its file, for one whose numbers are kept and can be shown otherwise."""
    view = image.view
    if view is None or view.raw is None or view.low is None:
        return {}
    shown = {"low": view.low, "high": view.high, "white": view.white, "channel": view.channel, "channels": view.channels}
    return {"view": {**shown, "url": f"raw/{image.sha256}"}}


def mark_value(mark: Mark) -> Value:
    shape = {"box": list(mark.shape.xyxy)} if isinstance(mark.shape, Box) else {"point": [mark.shape.x, mark.shape.y]}
    named = {"id": mark.id, "label": mark.label, "origin": str(mark.origin), "status": str(mark.status)}
    extent = {"extent": list(mark.extent.xyxy)} if mark.extent else {}
    outline = {"outline": [[list(corner) for corner in polygon] for polygon in mark.outline]} if mark.outline else {}
    expert = {"expert": mark.expert} if mark.expert else {}
    votes = {"votes": list(mark.votes)} if mark.votes else {}
    return {**named, **shape, **extent, "score": mark.score, **outline, **expert, **votes}


def _clipped(shape: Shape, wh: Size, name: str) -> Shape:
    return clip(shape, wh)


def findings_from(value: object, *, wh: Size | None = None, labels: Sequence[str] | None = None, fit: Fit = _clipped) -> Findings:
    """The findings in a value that comes from a browser, or BadDraft saying what is wrong with it.

    Shapes are put in order and made to `fit` the image: `wh` (width, height in pixels) where the caller knows it, else
    the size the value names. With `labels` only these may be used. Unknown keys are ignored.
    """
    draft = _mapping(value, "The draft")
    size = wh or _size(draft.get("image"))
    marks = _marks(draft.get("marks"), size, labels, fit)  # without the key it is a note, and no draft of nothing
    rest = _mapping(draft.get("aside") or {}, "What is kept aside")
    aside = Aside(_marks(rest.get("marks", []), size, None, fit), _stated(rest.get("stated") or {}, None))
    return Findings(marks, _stated(draft.get("stated") or {}, labels), aside, draft.get("complete") is not False)


def region_from(value: object) -> Box:
    """The region in a value that comes with the event `closer`, in pixels of the image, or BadDraft."""
    return Box(*_numbers(_mapping(value, "The draft").get("region"), 4, "of the region"))


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadDraft("{what} is not an object; reload the page and try again.", what=what)
    return value


def _size(image: object) -> Size:
    named = _mapping(image, "The draft's image")
    width, height = named.get("width"), named.get("height")
    if type(width) is not int or type(height) is not int or width < 1 or height < 1:
        raise BadDraft("The draft's image has no usable size; reload the page and try again.")
    return width, height


def _marks(raw: object, wh: Size, labels: Sequence[str] | None, fit: Fit) -> tuple[Mark, ...]:
    if not isinstance(raw, list) or len(raw) > MAX_MARKS * MAX_LABELS:
        raise BadDraft("A draft holds a list of at most {n} marks; remove some and save again.", n=MAX_MARKS * MAX_LABELS)
    marks = tuple(_mark(entry, wh, labels, fit) for entry in raw)
    if len({mark.id for mark in marks}) != len(marks):
        raise BadDraft("Two marks of this draft have the same id; reload the page and try again.")
    return marks


def _mark(entry: object, wh: Size, labels: Sequence[str] | None, fit: Fit) -> Mark:
    raw = _mapping(entry, "A mark")
    name = raw.get("id")
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_ID_LENGTH or not name.isprintable():
        raise BadDraft(BAD_ID, n=MAX_ID_LENGTH, id=f"{name!r:.80}")
    try:
        origin, status = Origin(raw.get("origin")), Status(raw.get("status"))
    except ValueError:
        raise BadDraft("Mark {id} has an unknown origin or status; reload the page and try again.", id=name) from None
    shape, score = fit(_shape(raw, name), wh, name), _score(raw.get("score"), name)
    extent = _box(raw["extent"], name) if isinstance(shape, Point) and raw.get("extent") is not None else None
    label, outline = _label(raw.get("label"), labels), _outline(raw.get("outline"), wh, name)
    expert, votes = _expert(raw.get("expert"), name), _votes(raw.get("votes"), name)
    return Mark(name, shape, label, origin, status, score, extent=extent, outline=outline, expert=expert, votes=votes)


def _expert(raw: object, name: str) -> str | None:
    if raw is None or (isinstance(raw, str) and raw and len(raw) <= MAX_ID_LENGTH and raw.isprintable()):
        return raw
    raise BadDraft("Mark {id} names an expert that cannot be one; reload the page and try again.", id=name)


def _votes(raw: object, name: str) -> tuple[int, int] | None:
    match raw:
        case None:
            return None
        case [int(found), int(looks)] if 0 < found <= looks <= MOST_LOOKS:
            return found, looks
    raise BadDraft("Mark {id} names votes that cannot be; reload the page and try again.", id=name)


def _shape(raw: Mapping[str, Any], name: str) -> Shape:
    if ("box" in raw) == ("point" in raw):
        raise BadDraft("Mark {id} needs either a box or a point; reload the page and try again.", id=name)
    if "point" in raw:
        return Point(*_numbers(raw["point"], 2, name))
    return _box(raw["box"], name)


def _box(value: object, name: str) -> Box:
    x1, y1, x2, y2 = _numbers(value, 4, name)
    return Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


def _outline(value: object, wh: Size, name: str) -> Outline:
    """Its corners cut at the image's border, as the mark is."""
    rings: list[Any] = value if isinstance(value, list) else [value] if value is not None else []
    if not all(isinstance(ring, list) and len(ring) >= 3 for ring in rings) or sum(map(len, rings)) > MAX_CORNERS:
        raise BadDraft(
            "Mark {id} has an outline without three corners, or with too many; reload the page and try again.", id=name
        )
    return tuple(tuple(_corner(corner, wh, name) for corner in ring) for ring in rings)


def _corner(value: object, wh: Size, name: str) -> tuple[float, float]:
    point = clip(Point(*_numbers(value, 2, name)), wh)
    return point.x, point.y


def _numbers(value: object, size: int, name: str) -> list[float]:
    if isinstance(value, list) and len(value) == size and all(_is_number(v) for v in value):
        return [float(v) for v in value]
    raise BadDraft("Mark {id} needs {n} finite numbers for its place; draw it again.", id=name, n=size)


def _is_number(value: object) -> TypeGuard[float]:
    return (type(value) is int or type(value) is float) and abs(value) < 1e9  # also false for NaN


def _label(value: object, labels: Sequence[str] | None) -> str:
    if not isinstance(value, str):
        raise BadDraft("A label is not text; reload the page and try again.")
    check_label(value)
    if labels is not None and value not in labels:
        raise BadDraft(NOT_PART, label=repr(value), labels=", ".join(labels))
    return value


def _score(value: object, name: str) -> float | None:
    if value is None:
        return None
    if not _is_number(value) or not 0 <= value <= 1:
        raise BadDraft("Mark {id} has a score that is not between 0 and 1; reload the page and try again.", id=name)
    return float(value)


def _stated(value: object, labels: Sequence[str] | None) -> dict[str, int]:
    stated = _mapping(value, "The stated count")
    if len(stated) > MAX_LABELS:
        raise BadDraft("A draft states counts for at most {n} labels.", n=MAX_LABELS)
    for label, n in stated.items():
        _label(label, labels)
        if type(n) is not int or not 0 <= n <= MAX_COUNT:
            raise BadDraft(
                "The count of {label} must be a whole number from 0 to {n}; correct it.", label=repr(label), n=MAX_COUNT
            )
    return dict(stated)
