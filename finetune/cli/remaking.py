"""What `retrain` does: the reviews of an adapter -> a training on the present base -> measured -> before the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from finetune.cli.fold import fold
from finetune.cli.registry import user
from pdc import files
from pdc.adapters.lineage import first_name, retrained_name
from pdc.adapters.registry import Adapters, is_there
from pdc.compose import images_of, open_store
from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.progress import Progress
from pdc.domain.values import Adapter, AdapterStatus, Review
from pdc.inference.adapter_folder import AdapterManifest
from pdc.inference.answer_settings import taught
from pdc.inference.fingerprints import fingerprint
from pdc.settings import Settings
from pdc.training.config import TrainConfig
from pdc.training.dataset_export import export_training_set
from pdc.training.readers import not_left_out
from pdc.training.run_folder import Run

GONE = (
    "The reviews that {name} was made of are neither in a run folder nor in the database of {home}; "
    "review such images again and use `python -m finetune train`."
)
STOPPED = "The training was stopped as asked; the same command goes on with it."


class Reviews(StrEnum):
    """Where the reviews are that an adapter was made of."""

    RUN = "in its run folder"
    STORE = "in the database"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Remake:
    """An adapter that is to be made anew, under what name, and where its reviews are."""

    old: Adapter
    name: str
    reviews: Reviews


class Retraining:
    """Adapters made for other weights, and how each is made anew. What is done is not done again."""

    def __init__(self, settings: Settings, probe: Callable[[Adapter], str | None]) -> None:
        self.settings, self.store = settings, open_store(settings)
        self.adapters = Adapters(self.store, settings.model, settings.home, probe)
        self.adapters.ensure_shipped()
        self.base_sha256 = fingerprint(self.adapters.folder) if self.adapters.folder else None

    def wanted(self, names: Sequence[str] = (), *, every: bool = False) -> list[Remake]:
        """Those of these names, or all made for other weights, or every one; parents first. NotFound for an unknown name."""
        known = {a.name: a for a in self.adapters.every()}
        if missing := [n for n in names if n not in known]:
            raise NotFound(
                "There is no adapter named {name}; known are {known}.", name=missing[0], known=", ".join(known) or "none"
            )
        chosen = {n: known[n] for n in names} or {a.name: a for a in (self._trained_here() if every else self._left_behind())}
        with_parents = {name: a for adapter in chosen.values() for name, a in self._line(adapter, known)}
        return [self._remake(a) for name, a in known.items() if name in with_parents]

    def _trained_here(self) -> list[Adapter]:
        shipped = {a.name for a in self.adapters.shipped()}
        newest = {first_name(a.name): a for a in self.adapters.every() if is_there(a) and a.name not in shipped}
        return list(newest.values())

    def _left_behind(self) -> list[Adapter]:
        """What is made for other weights, and what should serve and cannot, though it was trained anew."""
        serving = [self.adapters.get(a.outdated) for a in self.adapters.route().adapters if a.outdated]
        return [*serving, *self.adapters.outdated()]

    def _line(self, adapter: Adapter, known: dict[str, Adapter]) -> Iterator[tuple[str, Adapter]]:
        """The adapter, and those before it that would have to be made anew first."""
        yield adapter.name, adapter
        outdated = {first_name(a.name): a for a in self.adapters.outdated()}
        before = outdated.get(first_name(adapter.parent)) if adapter.parent else None
        if before and before.name != adapter.name:
            yield from self._line(before, known)

    def _remake(self, old: Adapter) -> Remake:
        return Remake(old, retrained_name(old.name, self.adapters.base, self.base_sha256), self._reviews(old))

    def _reviews(self, old: Adapter) -> Reviews:
        if (self._run(old).data / "manifest.json").is_file():
            return Reviews.RUN
        return Reviews.STORE if is_there(old) and any(map(_learnt_by(old), self.store.each_usable())) else Reviews.GONE

    def _run(self, adapter: Adapter) -> Run:
        return Run(self.settings.runs.resolve() / adapter.name)

    # One adapter

    def remake(self, what: Remake, progress: Progress) -> str:
        """Train it anew unless that was done, and let it serve if the old one did and nothing speaks against it; says what came
        of it. Raises what went wrong."""
        if what.name not in {a.name for a in self.adapters.all()}:
            self._train(what, progress)
            if what.name not in {a.name for a in self.adapters.all()}:
                return STOPPED
        new = self.adapters.get(what.name)
        if new.status is AdapterStatus.ACTIVE:
            return "It serves already."
        if what.old.status is not AdapterStatus.ACTIVE:
            return "It is a candidate: the old one did not serve."
        if against := self.adapters.objection(new):
            return f"It does not serve: {against}"
        self.adapters.promote(new.name, by=user(), reason=f"{what.old.name} trained anew for the present base")
        return "It serves, as the old one did."

    def _train(self, what: Remake, progress: Progress) -> None:
        run = self._prepared(what)
        if run.is_complete():  # it ended between its last word and the registry
            self.adapters.register(run)
        else:
            fold(self.settings, lambda: run.config, None, run.name, progress)

    def _prepared(self, what: Remake) -> Run:
        """The run folder with its config and the reviews, made or gone on with."""
        runs = self.settings.runs.resolve()
        run = Run(runs / what.name)
        if not (run.folder / "config.json").is_file():
            if what.reviews is Reviews.GONE:
                raise BadSetting(GONE, name=what.old.name, home=self.settings.home)
            run = Run.create(runs, self._config(what.old), what.name)
        if not (run.data / "manifest.json").is_file():
            self._bring_reviews(what, run)
        return run

    def _config(self, old: Adapter) -> TrainConfig:
        """As it was trained then, on the present base and machine."""
        kept = self._run(old).folder / "config.json"
        config = self._run(old).config if kept.is_file() else TrainConfig.for_model(self.settings.model, **self.settings.loading)
        chosen = {"quantization": self.settings.quantization, "device": self.settings.device}
        return replace(config, model=self.settings.model, parent=self._parent(old), **chosen)

    def _parent(self, old: Adapter) -> str | None:
        """What its parent is on the present base: made anew, or what the model brings in place of one that it brought."""
        if old.parent is None:
            return None
        same = [a.name for a in self.adapters.usable() if first_name(a.name) == first_name(old.parent)]
        brought = not self._run(replace(old, name=old.parent)).folder.is_dir()
        shipped = [a.name for a in self.adapters.shipped()] if brought else []
        return next(reversed([*shipped, *same]), None)

    def _bring_reviews(self, what: Remake, run: Run) -> None:
        if what.reviews is Reviews.RUN:
            return _copy(self._run(what.old).data, run.data)
        parent = run.config.parent
        known = taught(self.settings.model, self.adapters.get(parent).path if parent else None) or frozenset()
        about, held_out, learns = _learnt_by(what.old), self._held_out(), not_left_out(self.store, run.config)
        images = images_of(self.settings)
        wanted = lambda review: learns(review) and (about(review) or held_out(review))  # noqa: E731
        export_training_set(self.store, images, run.data, taught=known, wanted=wanted)

    def _held_out(self) -> Callable[[Review], bool]:
        groups, of = self.store.held_out_groups(), {i.sha256: i.group for i in self.store.images()}
        return lambda review: of[review.image_sha256] in groups


def _learnt_by(adapter: Adapter) -> Callable[[Review], bool]:
    """Whether a review is of an image that the adapter was trained on, and about a label that it was corrected on."""
    found = AdapterManifest.read(Path(adapter.path))
    serves = frozenset(found.serves)
    return lambda r: r.image_sha256 in found.trained_on and (not serves or not serves.isdisjoint(r.question.labels))


def _copy(source: Path, target: Path) -> None:
    """A run's data, its manifest last: a run without it has none."""
    for path in sorted(source.rglob("*"), key=lambda p: p.name == "manifest.json"):
        if path.is_file():
            files.link_or_copy(path, target / path.relative_to(source))
