"""`pdc predict`: one question about image files, or about every image of a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, FAILED
from pdc.cli.options import BATCH
from pdc.cli.progress import say, shown
from pdc.domain.errors import BadImage, BadQuestion, BadSetting, PdcError
from pdc.domain.progress import follow
from pdc.domain.values import Question, Task

if TYPE_CHECKING:
    from pdc.inference.adapter_ref import Route
    from pdc.inference.predictors.base import Predictor
    from pdc.settings import Settings


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """The images, the question about them, and where the answers go."""

    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files, or one folder.")]
    task: Annotated[str, typer.Option(help=f"One of {', '.join(Task)}.")] = Task.COUNT_AND_BOX.value
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="What to look for; repeat for several (default: all that the model was taught)."),
    ] = None
    closer: Annotated[
        int, typer.Option(metavar="N", help="Look again, larger, at the N regions it is least sure of.", show_default=False)
    ] = 0
    looks: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="1, or 4 that vote and take four times as long (default: 4 for a folder, if a label gains)."
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For a folder: file of JSON lines to add answers to; a run goes on where it stopped "
            "(default: FOLDER.jsonl here).",
        ),
    ] = None
    batch: Annotated[int, typer.Option(metavar="N", help="For a folder: images asked together.")] = BATCH


def predict(options: PredictOptions) -> int:
    """Ask the model about image files, or about every image of a folder.

    A bad file is reported and the others go on; the exit code is 1 when any failed.
    """
    from pdc.compose import open_store, predictor_of, routing_of, unhurried_looks
    from pdc.inference.predictors.vote import VotePredictor
    from pdc.review.labels import Labels
    from pdc.settings import Settings, check_looks

    settings = Settings.from_env()
    wanted = routing_of(settings, store := open_store(settings))
    typed = _question(options, settings, wanted())
    predictor = predictor_of(settings, store, wanted)
    if trouble := wanted.trouble():
        say(f"pdc: {trouble}")
    question, notes = Labels(store, lambda: predictor.labels).understand(typed)
    for note in notes:
        say(f"pdc: {note}")
    folders = [p for p in options.images if p.is_dir()]
    usual = unhurried_looks(settings, predictor, question) if folders else settings.looks
    looks = usual if options.looks is None else check_looks("--looks", options.looks)
    asked = VotePredictor(predictor, looks)
    if not folders:
        return _predict_files(options, settings, question, asked)
    if len(options.images) > 1:
        raise BadSetting("Name one folder, or any number of files; a folder's answers go into one file.")
    return _predict_folder(folders[0], options, settings, question, asked)


def _question(options: PredictOptions, settings: Settings, wanted: Route) -> Question:
    from pdc.domain.prompts import task_from
    from pdc.inference.qwen import check_folder
    from pdc.review.examples import taught

    check_folder(settings.model)
    labels = options.label or taught(_own_labels(settings, wanted))
    if not labels:
        raise BadQuestion(f"{settings.base} does not say what it was taught; name what to look for, such as --label polyp.")
    return Question(task_from(options.task), tuple(labels))


def _own_labels(settings: Settings, wanted: Route) -> frozenset[str]:
    """What the model says it was taught; where it does not say, what its adapters were."""
    from pdc.inference.answer_settings import labels_of

    return labels_of(settings.model) or frozenset(label for a in wanted.able for label in labels_of(a.folder or ""))


def _predict_folder(folder: Path, options: PredictOptions, settings: Settings, question: Question, predictor: Predictor) -> int:
    from pdc.cli.bulk import BulkRun, run

    out = options.out or Path(f"{folder.resolve().name}.jsonl")
    bulk = BulkRun(folder, out, question, options.closer, max(1, options.batch), settings.max_megapixels)
    with shown() as progress:
        return FAILED if run(bulk, predictor, progress=progress) else DONE


def _predict_files(options: PredictOptions, settings: Settings, question: Question, predictor: Predictor) -> int:
    failures = 0
    with shown() as progress:
        for path in follow("Answering images", options.images, progress):
            try:
                _predict_file(path, options, settings, question, predictor)
            except PdcError as error:
                say(f"pdc: {path}: {error}")
                failures += 1
    return FAILED if failures else DONE


def _predict_file(path: Path, options: PredictOptions, settings: Settings, question: Question, predictor: Predictor) -> None:
    from pdc.cli.answer_lines import answer_row, in_words
    from pdc.images.intake import accept
    from pdc.inference.predictors.zoom import zoom_answer

    accepted = accept(_read(path), path.name, max_megapixels=settings.max_megapixels)
    image = accepted.pixels()
    answer = zoom_answer(predictor, image, question, predictor.predict(image, question), options.closer)
    for note in (*accepted.notes, *answer.notes):
        say(f"pdc: {path}: {note}")
    row = answer_row(path.name, (accepted.width, accepted.height), question, answer, accepted)
    print(json.dumps(row, ensure_ascii=False) if options.json else in_words(row), flush=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadImage(f"cannot be read: {error.strerror}.") from error
