"""Reviews compared with the base model, other readers and near copies: before each fold, and by `python -m finetune audit`."""

from __future__ import annotations

import json as json_text
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finetune.cli.options import Place, settings_of
from finetune.evaluate.suspicions.reads import Read
from finetune.evaluate.suspicions.report import find_suspicions
from pdc.adapters.suspicions import told
from pdc.cli.entry import DONE, FAILED, can_go_on
from pdc.cli.progress import shown
from pdc.domain.carrying import judged, unasked
from pdc.domain.certainty.counts import CountModels
from pdc.domain.doubt import unlike
from pdc.domain.errors import PdcError
from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import Prediction, Question, Review
from pdc.files import read_json
from pdc.settings import Settings
from pdc.spool import spooled
from pdc.training.readers import not_left_out, reader_of, reviews_to_compare
from pdc.training.run_folder import Run

if TYPE_CHECKING:
    from pdc.review.answering import Answers
    from pdc.store import Store

CHUNK = 200  # reviews that are in memory with their answers at once
FEWEST = 5  # reviews of a reader, below which chance explains nearly everything, so the base is not asked for them
AGAIN = "The same command goes on: answers of the base model are stored as they come."
log = logging.getLogger(__name__)
ASKED = 60  # reviewed images without an answer of the base that it is asked about, at most
Wanted = Callable[[Review], bool]


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How much the model is asked, and how the report is written."""

    ask: Annotated[
        int, typer.Option(metavar="N", help="Ask the base about so many reviewed images that it never answered, at most.")
    ] = ASKED
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of sentences.")] = False


def audit(place: Place, options: AuditOptions) -> int:
    """Compare reviews with the base's answers, other readers and near copies; the exit code is 1 when somebody stands out."""
    from pdc.compose import open_store

    settings = settings_of(place)
    with can_go_on(AGAIN), shown() as progress:
        report = compare_reviews(open_store(settings), settings, ask=options.ask, progress=progress)
    if options.json:
        print(json_text.dumps(report, ensure_ascii=False))
    else:
        print(*told(report), sep="\n")
    return FAILED if report["found"] else DONE


def compare_before_training(run: Run, settings: Settings, store: Store, say: Callable[[str], None], progress: Progress) -> None:
    """Say whose reviews chance does not explain, and keep it as suspicions.json. The training goes on: a person decides."""
    if run.suspicions():  # a run that goes on keeps its report
        return
    say("Comparing the reviews with the base model's answers, other readers and near copies.")
    images = set((read_json(run.data / "manifest.json") or {}).get("images", {}).values())
    learns = not_left_out(store, run.config)
    report = compare_reviews(store, settings, lambda r: r.image_sha256 in images and learns(r), progress=progress)
    run.write_suspicions(report)
    for sentence in told(report):
        say(sentence)


def compare_reviews(
    store: Store, settings: Settings, wanted: Wanted = lambda review: True, *, ask: int = ASKED, progress: Progress = unseen
) -> dict[str, Any]:
    """The report on the current reviews that are `wanted`, as metrics["suspicions"] keeps it.

    Those that somebody has confirmed since they were saved are left out. The base is asked about at most `ask` images.
    """
    from pdc.compose import images_of
    from pdc.training.near_copies import near_copies

    at, imported = datetime.now(UTC), store.import_files()
    confirmed = {(e.image_sha256, e.reader): e.at for e in store.confirmations()}
    named = ((reader_of(r, imported), r) for r in reviews_to_compare(store) if wanted(r))
    number, labels, images = Counter[str](), set[str](), set[str]()

    def unconfirmed() -> Iterator[tuple[str, Review]]:
        for reader, review in named:
            if not (known := confirmed.get((review.image_sha256, reader))) or known < review.created_at:
                number[reader] += 1
                labels.update(review.question.labels)
                images.add(review.image_sha256)
                yield reader, review

    reviews, base = spooled(unconfirmed()), BaseAnswers(store, settings)
    copies, reads = near_copies(store, images_of(settings), images, progress), base.reads(reviews, number, ask, progress)
    return {"at": at.isoformat(), **find_suspicions(reads, base.models(labels), copies).to_json()}


class StoredAnswers:
    """What was answered before about a few images: by the base, oldest first, and what their readers were `shown`, by id."""

    def __init__(self, of_base: Iterable[Prediction], shown: Mapping[str, Prediction]) -> None:
        self.shown, self._of_base = shown, defaultdict[str, list[Prediction]](list)
        for prediction in of_base:
            self._of_base[prediction.image_sha256].append(prediction)

    def of(self, review: Review, asked: Question | None) -> Prediction | None:
        """The answer that the reader was shown, if it is the base's; else its newest one about all that it can be `asked`."""
        of_base = self._of_base.get(review.image_sha256, [])
        if shown := next((p for p in of_base if p.id == review.prediction_id), None):
            return shown
        return next((p for p in reversed(of_base) if asked and not unasked(p, asked)), None)


class BaseAnswers:
    """What the base model says about reviewed images, without any adapter: as it is stored, or asked and stored now."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.answers = _answers(store, settings)

    def reads(
        self, reviews: Collection[tuple[str, Review]], number: Mapping[str, int], ask: int, progress: Progress
    ) -> Iterator[Read]:
        """Each reader's reviews beside the base's answers; a reader has the `number` of them."""
        from pdc.store.database import pieces

        unknown = defaultdict[str, list[Review]](list)
        for part in pieces(follow("Comparing reviews", reviews, progress), CHUNK):
            stored = self._stored([review for _, review in part])
            for reader, review in part:
                base = stored.of(review, self.answers.asked(review.question))
                if base is None and number[reader] >= FEWEST and len(unknown[reader]) < ask and self._can_be_asked(review):
                    unknown[reader].append(review)
                else:
                    yield self._read(reader, review, base, stored)
        asked = self._asked(list(islice(take_turns((n, r) for n, some in unknown.items() for r in some), ask)), progress)
        for reader, some in unknown.items():
            stored = self._stored(some)
            yield from (self._read(reader, review, asked.get(review.id), stored) for review in some)

    def _stored(self, reviews: Collection[Review]) -> StoredAnswers:
        """What was answered before about the images of these reviews (a few)."""
        of_base = self.store.answers_of_base({r.image_sha256 for r in reviews}, self.settings.base)
        shown = self.store.predictions_by_id({r.prediction_id for r in reviews if r.prediction_id})
        return StoredAnswers(filter(self._is_of_today, of_base), shown)

    def _is_of_today(self, prediction: Prediction) -> bool:
        """Whether the weights of today gave it."""
        return not self.answers.versions or prediction.version in self.answers.versions

    def _can_be_asked(self, review: Review) -> bool:
        return review.question.task.has_marks and self.answers.asked(review.question) is not None

    def _asked(self, reviews: Sequence[Review], progress: Progress) -> dict[str, Prediction]:
        """Id of a review -> a new answer. Where the model cannot answer, no more is asked, and the log says why."""
        found: dict[str, Prediction] = {}
        try:
            for review in follow("Asking the base model", reviews, progress):
                found[review.id] = self.answers.answer(self.store.image(review.image_sha256), review.question)
        except PdcError as error:
            log.warning("The base model could not be asked about all reviewed images: %s", error)
        return found

    def _read(self, reader: str, review: Review, base: Prediction | None, stored: StoredAnswers) -> Read:
        shown = stored.shown.get(review.prediction_id or "")
        about, before = (p and judged(p, review) for p in (base, shown))
        return Read(
            reader=reader,
            image=review.image_sha256,
            labels=review.question.labels,
            reviewed=about[1] if about else review.findings,
            answered=about[0] if about else None,
            judged=self._judged(base, review) if about else frozenset(),
            shown=before[0] if before else None,
            corrects_base=shown is not None and base is not None and shown.id == base.id and not review.blind,
        )

    def _judged(self, base: Prediction | None, review: Review) -> frozenset[str]:
        """The labels that the base knows on such an image."""
        if base is None or base.findings is None or not review.question.task.has_marks:
            return frozenset()
        known = self.answers.asked(review.question)
        marked = {m.label for m in base.findings.marks}
        return frozenset(known.labels if known else ()) & set(base.question.labels) - set(unlike(base.likeness, marked))

    def models(self, labels: Iterable[str]) -> CountModels:
        """How often the base is wrong about each label, under its name here; experts are for theirs."""
        from pdc.compose import experts_of
        from pdc.inference.answer_settings import count_models_of, labels_of

        names, of_base = sorted(labels), count_models_of(self.settings.model)
        words = self.store.dictionary().taught(names, labels_of(self.settings.model))
        experts = experts_of(self.settings).about([word for word in words.values()])
        of_experts = {label: m.count_models[label] for label, m in experts.items() if label in m.count_models}
        known = {**of_base, **of_experts}
        return {name: known[word] for name, word in words.items() if word in known}


def _answers(store: Store, settings: Settings) -> Answers:
    """The app's own way to ask, with the base model alone."""
    from dataclasses import replace

    from pdc.compose import images_of, predictor_of, routing_of, versions_of
    from pdc.review.answering import Answers

    alone = replace(settings, adapter="none")
    routing = routing_of(alone, store)
    model = predictor_of(alone, store, routing)
    serving = lambda question: routing.now(model.put(question))  # noqa: E731
    return Answers(store, images_of(settings), model, serving, versions=versions_of(alone))


def take_turns(reviews: Iterable[tuple[str, Review]]) -> Iterator[Review]:
    """One review of each reader, then another of each, so that a limit is spread over all of them."""
    by: dict[str, list[Review]] = defaultdict(list)
    for reader, review in reviews:
        by[reader].append(review)
    return (review for review in chain.from_iterable(zip_longest(*by.values())) if review is not None)
