"""PDC from a script: images in, answers and reviews out. Every method is one request, or a few where it says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from uuid import uuid4

from pydantic import ValidationError

from pdc.client import shapes
from pdc.client.wire import ApiError, Failed, Refused, Unavailable, Wire
from pdc.domain.values import Task

S = TypeVar("S", bound=shapes.Shape)
Named = shapes.Image | shapes.Entry | str
"""An image: as the server told of it, or its sha256."""
Event = shapes.MarksEvent | shapes.PredictionEvent
CUT_OFF = "The answer broke off before it was whole; ask again."
BOXES = Task.COUNT_AND_BOX
CANCELLED = "The job was cancelled before it was done."
EVERY = 1.0  # seconds between two looks at a job
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
WRONG = "The argument {argument} cannot be taken: {why}."


class Client:
    """A server, and the user whose API token this is; without a login on the server `token` is None.

    Refused and Changed (409) are raised where something cannot be done, Unavailable where the server cannot do it now; each says
    the server's sentence. What the server asks to send again later (429, 503) is sent again.
    """

    def __init__(self, url: str, token: str | None = None, *, seconds: float = 600.0) -> None:
        self.wire = Wire(url, token, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self.wire.close()

    def me(self) -> shapes.Me:
        """Who this token stands for, and what it may do."""
        return self._get(shapes.Me, "/me")

    # Images

    def upload(self, file: str | Path | bytes, name: str | None = None, *, group: str = "", text: str = "") -> shapes.Image:
        """Store an image file. `group` is the patient or sample that it belongs to; `text` (`paint` or `keep`) is what becomes
        of text burned into it."""
        data = file if isinstance(file, bytes) else Path(file).read_bytes()
        called = name or ("image" if isinstance(file, bytes) else Path(file).name)
        params = {"name": called, "group": group, "text": text}
        return shapes.Image(**self.wire.ask("POST", "/images", params=params, content=data).json())

    def images(self, name: str = "") -> Iterator[shapes.Image]:
        """All images, oldest first, or those with this in their names; asked for a page at a time."""
        after = None
        while True:
            page = self._get(shapes.Images, "/images", name=name, limit=1000, after=after)
            yield from page.images
            if (after := page.next) is None:
                return

    def image(self, image: Named) -> shapes.Image:
        """What is stored about one."""
        return self._get(shapes.Image, f"/images/{_sha(image)}")

    def pixels(self, image: Named) -> bytes:
        """Its PNG."""
        return self.wire.ask("GET", f"/images/{_sha(image)}/pixels").content

    def thumbnail(self, image: Named) -> bytes:
        """A JPEG of at most 96 x 96 pixels."""
        return self.wire.ask("GET", f"/images/{_sha(image)}/thumbnail").content

    # The model

    def predict(
        self, image: Named | Path, labels: Sequence[str], task: Task | str = BOXES, *, again: bool = False, looks: int = 1
    ) -> shapes.Prediction:
        """What the model finds. A file (its path) is uploaded first. `again`: also where an answer is stored."""
        asked = self._asked(image, labels, task, again, looks)
        return self._post(shapes.Prediction, "/predictions", asked)

    def stream(
        self, image: Named | Path, labels: Sequence[str], task: Task | str = BOXES, *, again: bool = False, looks: int = 1
    ) -> Iterator[Event]:
        """The same, as it comes: events with marks, at last one with the whole prediction."""
        asked = self._asked(image, labels, task, again, looks)
        with self.wire.answer("POST", "/predictions", params={"stream": True}, json=_json(asked)) as answer:
            for line in answer.iter_lines():
                yield (event := _event(line))
                if isinstance(event, shapes.PredictionEvent):
                    return
        raise Unavailable(CUT_OFF)

    def predictions(self, image: Named) -> list[shapes.Prediction]:
        """Every stored answer about an image, oldest first."""
        return self._get(shapes.Predictions, f"/images/{_sha(image)}/predictions").predictions

    def _asked(
        self, image: Named | Path, labels: Sequence[str], task: Task | str, again: bool, looks: int
    ) -> shapes.PredictionAsked:
        sha = self.upload(path).sha256 if (path := _file(image)) else _sha(image)
        return _made(shapes.PredictionAsked, image=sha, task=task, labels=labels, again=again, looks=looks)

    # Reviews

    def review(self, image: Named, labels: Sequence[str] | None = None, task: Task | str | None = None) -> shapes.Standing:
        """What stands about an image, under its own question or under this one."""
        return self._get(shapes.Standing, f"/images/{_sha(image)}/review", task=task and str(task), label=labels)

    def history(self, image: Named, labels: Sequence[str] | None = None, task: Task | str | None = None) -> list[shapes.Review]:
        """Every revision under one question, oldest first."""
        return self._get(shapes.Reviews, f"/images/{_sha(image)}/reviews", task=task and str(task), label=labels).reviews

    def save(
        self,
        image: Named,
        labels: Sequence[str],
        marks: Sequence[shapes.Mark | Mapping[str, Any]] | None = None,
        task: Task | str = BOXES,
        *,
        base_revision: int = 0,
        prediction: shapes.Prediction | str | None = None,
        stated: Mapping[str, int] | None = None,
        none: Sequence[str] = (),
        complete: bool = True,
        skip: bool = False,
        request: str | None = None,
    ) -> shapes.Review:
        """Save a review behind the revision that you started from. Without `marks` the prediction is accepted as it is. `none`:
        labels without marks that the model was not asked for, and that are not there. Changed where somebody saved in between. It
        is stored once, however often a broken connection has it sent."""
        sent = _made(
            shapes.ReviewSent,
            task=task,
            labels=labels,
            base_revision=base_revision,
            marks=None if marks is None else [m.model_dump(warnings=False) if isinstance(m, shapes.Mark) else m for m in marks],
            stated=stated,
            none=none,
            complete=complete,
            prediction=prediction.id if isinstance(prediction, shapes.Prediction) else prediction,
            skip=skip,
            request=request or uuid4().hex,
        )
        return self._post(shapes.Review, f"/images/{_sha(image)}/reviews", sent)

    # The list

    def worklist(self, *, limit: int = 200, **wanted: Unpack[shapes.InOrder]) -> Iterator[shapes.Entry]:
        """The list in its order, asked for a page at a time. `wanted`: `stage`, `label`, `name`, `reader`, `order`."""
        after = None
        while True:
            page = self._get(shapes.WorklistPage, "/worklist", limit=limit, after=after, **wanted)
            yield from page.images
            if (after := page.next) is None:
                return

    def next(self, after: Named | None = None, **wanted: Unpack[shapes.InOrder]) -> shapes.Image | None:
        """The next image that needs work, behind `after` where it is given; None when none is left there. Refused where there is
        no image `after`."""
        try:
            return self._get(shapes.Image, "/worklist/next", after=after and _sha(after), **wanted)
        except Refused as refused:
            if refused.status != 404:
                raise
        if after is not None:
            self.image(after)
        return None

    def progress(self, **wanted: Unpack[shapes.InOrder]) -> shapes.Progress:
        """How far the images of the list are."""
        return self._get(shapes.Progress, "/worklist/progress", **wanted)

    # Jobs

    def jobs(self, *kinds: str) -> Iterator[shapes.Job]:
        """The newest first, of these kinds or of all; asked for a page at a time."""
        before = None
        while True:
            page = self._get(shapes.Jobs, "/jobs", kind=list(kinds), before=before, limit=100)
            yield from page.jobs
            if (before := page.next) is None:
                return

    def job(self, id: int) -> shapes.Job:
        """How far it is."""
        return self._get(shapes.Job, f"/jobs/{id}")

    def cancel(self, job: shapes.Job | int) -> shapes.Job:
        """Ask it to end."""
        return shapes.Job(**self.wire.ask("POST", f"/jobs/{_number(job)}/cancel").json())

    def retry(self, job: shapes.Job | int) -> shapes.Job:
        """The same again, as a new job."""
        return shapes.Job(**self.wire.ask("POST", f"/jobs/{_number(job)}/retry", once=True).json())

    def wait(self, job: shapes.Job | int, tell: Callable[[shapes.Job], object] = lambda job: None) -> shapes.Job:
        """The job once it is done; `tell` is told of it meanwhile, every second. Failed where it failed or was cancelled."""
        while (now := self.job(_number(job))).open:
            tell(now)
            self.wire.sleep(EVERY)
        if now.state is not shapes.State.DONE:
            raise Failed(now.error or CANCELLED, now)
        return now

    def start_export(self, format: str = "coco", **wanted: Unpack[shapes.Exported]) -> shapes.Job:
        """Ask for an export. `wanted`: the filters `stage`, `label`, `name`, `reader`; `names="hashed"`, `auto_accepted=True`."""
        return self._post(shapes.Job, "/exports", _made(shapes.ExportAsked, format=format, **wanted), once=True)

    def download(self, job: shapes.Job | int, path: str | Path) -> Path:
        """Write the file that a job left; it is there whole or not at all."""
        whole, part = Path(path), Path(f"{path}.part")
        with self.wire.answer("GET", f"/jobs/{_number(job)}/file") as answer, part.open("wb") as file:
            for piece in answer.iter_bytes():
                file.write(piece)
        return part.replace(whole)

    def export(self, format: str, path: str | Path, **wanted: Unpack[shapes.Exported]) -> Path:
        """An export as a zip at this place: asked for, waited for, and downloaded."""
        return self.download(self.wait(self.start_export(format, **wanted)), path)

    # Adapters and labels

    def adapters(self) -> list[shapes.Adapter]:
        """Every adapter of the present model, oldest first."""
        return self._get(shapes.Adapters, "/adapters").adapters

    def serving(self) -> shapes.Serving:
        """Who answers the next question."""
        return self._get(shapes.Serving, "/adapters/serving")

    def promote(self, name: str, reason: str = "", *, force: bool = False) -> shapes.Serving:
        """Let an adapter serve. Takes the role trainer."""
        return self._post(
            shapes.Serving, f"/adapters/{name}/promote", _made(shapes.Promotion, reason=reason, force=force), once=True
        )

    def rollback(self, name: str | None = None, reason: str = "rolled back") -> shapes.Serving:
        """Undo a promotion, None: the last. Takes the role trainer."""
        return self._post(shapes.Serving, "/adapters/rollback", _made(shapes.Rollback, name=name, reason=reason), once=True)

    def labels(self) -> list[shapes.LabelLine]:
        """Every label that can be asked for."""
        return self._get(shapes.Labels, "/labels").labels

    def find_label(self, text: str) -> shapes.Meant:
        """Which label a typed word means."""
        return self._get(shapes.Meant, "/labels/find", text=text)

    # Steps

    def _get(self, shape: type[S], path: str, **params: Any) -> S:
        given = {name: value for name, value in params.items() if value is not None}
        return shape(**self.wire.ask("GET", path, params=given).json())

    def _post(self, shape: type[S], path: str, body: shapes.Shape, *, once: bool = False) -> S:
        return shape(**self.wire.ask("POST", path, json=_json(body), once=once).json())


def _sha(image: Named | Path) -> str:
    return str(image) if isinstance(image, (str, Path)) else image.sha256


def _file(image: Named | Path) -> Path | None:
    """The path of a file, where it is one; text that can be a sha256 is taken for that of a stored image."""
    is_path = isinstance(image, Path) or (isinstance(image, str) and not SHA256.fullmatch(image))
    return Path(str(image)) if is_path else None


def _number(job: shapes.Job | int) -> int:
    return job if isinstance(job, int) else job.id


def _made(shape: type[S], **fields: Any) -> S:
    """What is sent. Refused where an argument cannot be."""
    try:
        return shape(**fields)
    except ValidationError as error:
        argument, why = shapes.what_is_wrong(error.errors())
        raise Refused(WRONG.format(argument=argument, why=why)) from None


def _json(body: shapes.Shape) -> Any:
    """Without what is as usual: an older server may not know it."""
    return body.model_dump(mode="json", exclude_defaults=True)


def _event(line: str) -> Event:
    said = json.loads(line)
    if said["event"] == "error":
        raise ApiError(said["error"])
    return shapes.PredictionEvent(**said) if said["event"] == "prediction" else shapes.MarksEvent(**said)
