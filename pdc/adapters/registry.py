"""The registry of adapters: a candidate is measured, promoted by somebody for a reason, and can be rolled back.

Several serve side by side, each for its labels. Which do is the store's word; the app asks it before every answer, so nothing
here needs a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pdc.adapters.assessable import notes
from pdc.adapters.lineage import first_name
from pdc.adapters.promotion_gate import objections, undecided
from pdc.adapters.succession import answering, handed_back, in_force, takeovers
from pdc.adapters.suspicions import Suspicion, images_of, suspected, suspicions, with_confirmations
from pdc.adapters.test_sets import set_notes
from pdc.domain.errors import BadModel, BadSetting, NotFound, PdcError
from pdc.domain.message import Message, joined
from pdc.domain.values import Adapter, AdapterStatus
from pdc.inference import adapter_folder
from pdc.inference.adapter_folder import AdapterManifest, labels_served
from pdc.inference.adapter_ref import AdapterRef, Route
from pdc.store.records import Activation, Event, EventKind
from pdc.training.run_folder import Run
from pdc.training.test_sets import TestSets

log = logging.getLogger(__name__)
T = TypeVar("T")
Serving = tuple[tuple[Activation, Adapter], ...]
OVERRULE = "{problem} To promote it all the same, use --force and give a reason."
PROGRAM, SHIPPED = "PDC", "came with the model"  # by whose word and why a shipped adapter serves


class AdapterStore(Protocol):
    """The part of the store that adapters need."""

    def of_moment(self, asked: Hashable, read: Callable[[], T]) -> T: ...
    def add_adapter(self, adapter: Adapter) -> None: ...
    def adapter(self, name: str) -> Adapter: ...
    def adapters(self) -> list[Adapter]: ...
    def activate(self, name: str, base: str, *, by: str, reason: str, labels: Iterable[str] | None = None) -> None: ...
    def roll_back(self, undoes: int, name: str | None, base: str, *, by: str, reason: str) -> None: ...
    def activations(self, base: str) -> list[Activation]: ...
    def activations_version(self, base: str) -> tuple[int, int]: ...
    def set_metrics(self, name: str, metrics: Mapping[str, object]) -> None: ...
    def add_events(self, shas: Sequence[str], kind: EventKind, *, by: str, reader: str | None = None, note: str = "") -> None: ...
    def confirmations(self, of: Collection[str] | None = None) -> list[Event]: ...


class Adapters:
    """Adapters of one base model. `model` is its folder or hub name, `home` PDC_HOME, as in the settings.

    The path of an adapter is where it is now: the store keeps it relative to the model or to PDC_HOME, and both may be moved.
    `probe` loads an adapter and asks it something; it says what is wrong in a sentence, or None.
    """

    def __init__(self, store: AdapterStore, model: str, home: Path, probe: Callable[[Adapter], str | None] | None = None) -> None:
        self.store, self.home, self.probe = store, home.resolve(), probe
        self.folder = Path(model).resolve() if Path(model).is_dir() else None
        self.base = Path(model).name if self.folder else model
        self._last: tuple[tuple[int, int], Serving] | None = None  # by what version of the activations what serves

    def all(self) -> list[Adapter]:
        """Oldest first."""
        return [a for a in self.every() if a.base == self.base]

    def every(self) -> list[Adapter]:
        """Those of other bases too; oldest first."""
        adapters = self.store.adapters()
        seen = {base: self._standing(base) for base in {a.base for a in adapters}}
        return [self._found(a, *seen[a.base]) for a in adapters]

    def usable(self) -> list[Adapter]:
        """Those whose folder is where it should be, and that were made for the present base; oldest first."""
        return [a for a in self.all() if self.fits(a)]

    def fits(self, adapter: Adapter) -> bool:
        """Whether it is there, and says that it was trained on the present base's very weights."""
        return is_there(adapter) and adapter_folder.is_made_for(adapter.path, self.base, self.folder)

    def outdated(self) -> list[Adapter]:
        """Adapters made for other weights, or another base, that have not been trained anew for the present one; oldest first."""
        lines: dict[str, list[Adapter]] = {}
        for adapter in self.every():
            lines.setdefault(first_name(adapter.name), []).append(adapter)
        return [line[-1] for line in lines.values() if is_there(line[-1]) and not any(map(self.fits, line))]

    def shipped(self) -> list[Adapter]:
        """The usable ones that came with the model; oldest first."""
        return [a for a in self.usable() if Path(a.path) in self._shipped_folders()]

    def get(self, name: str) -> Adapter:
        """NotFound when there is none."""
        adapter = self.store.adapter(name)
        return self._found(adapter, *self._standing(adapter.base))

    def route(self) -> Route:
        """Which adapter answers about which label now."""
        return self.store.of_moment(("route", self.base), lambda: self._routed(self._serving()))

    def active(self) -> Adapter | None:
        """What should serve; of several what was promoted last. None when the base serves alone."""
        named = [a.named for a in self.route().adapters]
        return self.get(named[0]) if named and named[0] else None

    def serving(self) -> Adapter | None:
        """What does serve; of several what was promoted last. None, the base alone, where all are missing or outdated."""
        able = self.route().able
        return self.get(able[0].name) if able and able[0].name else None

    def history(self) -> list[Activation]:
        """What was promoted and rolled back, by whose word and why; oldest first."""
        return self.store.activations(self.base)

    def verify(self, name: str) -> AdapterManifest:
        """BadModel with a sentence when the adapter's folder is missing, damaged or of another base."""
        return adapter_folder.verify(Path(self.get(name).path), self.base, self.folder)

    def register(self, run: Run) -> Adapter:
        """Add the adapter of a complete run as a candidate, with its metrics if it was measured."""
        if not run.is_complete():
            raise BadModel("The run {name} is not complete, so its adapter cannot be registered; train again.", name=run.name)
        adapter = self._add(run.adapter)
        if metrics := run.metrics():
            self.store.set_metrics(adapter.name, metrics)
        return self.get(adapter.name)

    def promote(self, name: str, *, by: str, reason: str, force: bool = False) -> Adapter:
        """Let the adapter answer about its labels from the next question on; what others answer about stays theirs.

        BadModel when it is damaged or of another base, or when anything speaks against it (`objection`); `force`
        overrides the latter, and the reason says so for ever. BadSetting when force comes without a reason.
        """
        if force and not reason.strip():
            raise BadSetting("Say why it should serve whatever speaks against it; the reason is kept.")
        adapter = self.get(name)
        problem = self.objection(adapter)
        if problem and not force:
            raise BadModel(OVERRULE, problem=problem)
        if not self.route().has_all(AdapterRef(name, adapter.path)):
            why = f"{reason} (forced: {problem})" if problem else reason
            self.store.activate(name, self.base, by=by, reason=why, labels=labels_served(adapter.path))
        return self.get(name)

    def objection(self, adapter: Adapter) -> Message | None:
        """Why the adapter should not serve, in sentences; None when nothing speaks against it. BadModel when damaged."""
        against: list[str] = [*self.objections(adapter)]
        if not against and self.probe and (wrong := self.probe(adapter)):
            against = [wrong]
        return joined(against) if against else None

    def objections(self, adapter: Adapter) -> list[Message]:
        """What its measurement says against it, a sentence each; the model is not asked. BadModel when damaged."""
        found = self.verify(adapter.name)
        measured = (adapter.metrics.get("candidate") or {}).get("labels") or labels_served(adapter.path)
        metrics, names = self._confirmed(adapter.metrics), self.route().names
        return objections(adapter.name, metrics, names(measured), found, names)

    def waiting(self) -> Adapter | None:
        """The newest adapter that was trained here, unless somebody decided about it: let it serve, or kept what served."""
        made = [a for a in self.usable() if _run_of(a).is_here]
        new = made and made[-1].status in (AdapterStatus.CANDIDATE, AdapterStatus.EVALUATED) and not _run_of(made[-1]).old_kept
        return made[-1] if new else None

    def keep_old(self, name: str, *, by: str) -> None:
        """Note that somebody saw this adapter and keeps what serves. It can be promoted all the same, later."""
        _run_of(self.get(name)).keep_old(by)

    def suspicions(self, name: str) -> list[Suspicion]:
        """Reviews behind the adapter that chance does not explain, and that nobody has confirmed."""
        return suspicions(self._confirmed(self.get(name).metrics))

    def _confirmed(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        """The metrics with what was confirmed of them since."""
        return with_confirmations(metrics, self.store.confirmations(suspected(metrics)))

    def confirm(self, name: str, reader: str, *, by: str, reason: str) -> None:
        """Somebody looked at this reader's images that are suspected behind the adapter: the reviews are right, for a reason."""
        if not reason.strip():
            raise BadSetting("Say why the reviews are right; the reason is kept.")
        images = images_of(self.suspicions(name), reader)
        if not images:
            raise NotFound("Nothing is suspected of the reviews of {reader} behind {name}.", reader=reader, name=name)
        self.store.add_events(images, EventKind.CONFIRMED, by=by, reader=reader, note=reason.strip())

    def notes(self, name: str) -> list[Message]:
        """What the held-out images and test sets cannot say about the adapter, in sentences, whether it serves or not."""
        metrics, others = self.get(name).metrics, [a for a in self.route().adapters if a.named != name]
        known = [one.name for one in TestSets(self.home).all() if not one.locked]
        unsure = undecided(metrics, "active") if metrics.get("active") else []
        return [*notes(metrics), *unsure, *set_notes(metrics, Route.of(others).names, known)]

    def changes(self, name: str) -> list[dict[str, Any]]:
        """Held-out images that it answers otherwise than what served when it was made, with the marks of both, as
        `finetune.evaluate.side_by_side` tells them; empty where none were kept."""
        return _run_of(self.get(name)).changes()

    def takeovers(self, name: str) -> list[Message]:
        """What a promoted adapter took over from others, in sentences."""
        line = in_force(self.history())
        before = self._route(line[: line.index(self.promotion(name))])
        return list(takeovers(before, AdapterRef(name, self.get(name).path)))

    def rollback(self, name: str | None = None, *, by: str, reason: str = "rolled back") -> Adapter | None:
        """Undo the promotion of this adapter (None: the last one): who had its labels before answers about them.

        What then serves, of several what was promoted last; None is the base alone. NotFound when it does not serve.
        """
        undone = self.promotion(name)
        left = [a for a in in_force(self.history()) if a.seq != undone.seq]
        before, after = ({a.named for a in route.adapters} for route in (self.route(), self._route(left)))
        for back in after - before:
            self.verify(back or "")
        last = next((a.adapter for a in answering(left)), None)
        self.store.roll_back(undone.seq, last, self.base, by=by, reason=reason)
        return self.active()

    def handed_back(self, undone: Activation) -> Message:
        """Who answers about the labels of a promotion that was undone, as a sentence."""
        name = undone.adapter or self.base
        labels = labels_served(self.get(name).path) if undone.adapter else ()
        return handed_back(name, frozenset(labels or undone.labels or ()), self.route())

    def promotion(self, name: str | None = None) -> Activation:
        """The promotion that a roll-back of this adapter (None: of the last one promoted) would undo. NotFound when none is."""
        found = [a for a in in_force(self.history()) if name in (None, a.adapter)]
        if found:
            return found[-1]
        if name:
            raise NotFound("{name} does not serve, so it cannot be rolled back; the Training tab lists what serves.", name=name)
        raise NotFound("There is nothing to roll back to: {name} serves without an adapter.", name=self.base)

    def ensure_shipped(self) -> None:
        """Register adapters that came with the model; the newest serves unless somebody promoted one or rolled back."""
        shipped = [m for m in map(self._shipped, self._shipped_folders()) if m is not None]
        if shipped and all((a.by, a.reason) == (PROGRAM, SHIPPED) for a in self.history()):
            newest = max(shipped, key=lambda m: datetime.fromisoformat(m.created_at))
            if [a.adapter for a in self.history()][-1:] != [newest.name]:
                self.store.activate(newest.name, self.base, by=PROGRAM, reason=SHIPPED)

    def _shipped_folders(self) -> Sequence[Path]:
        return sorted(p.parent for p in self.folder.glob("adapters/*/pdc.json")) if self.folder else ()

    def _shipped(self, folder: Path) -> AdapterManifest | None:
        """Register it unless that has been done. A damaged one is left out, and the log says why."""
        try:
            found = adapter_folder.verify(folder, self.base, self.folder)
            if not self._is_known(found.name):
                self._add_once(folder, found.name)
            return found
        except PdcError as error:
            log.error("%s", error)
            return None

    def _is_known(self, name: str) -> bool:
        return any(a.name == name for a in self.store.adapters())

    def _add_once(self, folder: Path, name: str) -> None:
        try:
            self._add(folder)
        except BadModel:
            if not self._is_known(name):
                raise  # else another process was first

    def _add(self, folder: Path) -> Adapter:
        found = adapter_folder.verify(folder, self.base, self.folder)
        adapter = Adapter(
            name=found.name,
            base=found.base,
            path=self._kept(folder.resolve()),
            status=AdapterStatus.CANDIDATE,
            parent=found.parent,
            prompt_version=found.prompt_version,
            metrics={},
            created_at=datetime.fromisoformat(found.created_at),
        )
        self.store.add_adapter(adapter)
        return adapter

    def _kept(self, folder: Path) -> str:
        """How the store names a folder: relative to the model's or to PDC_HOME, or as it is when it lies in neither."""
        roots = [root for root in (self.folder, self.home) if root and folder.is_relative_to(root)]
        return folder.relative_to(roots[0]).as_posix() if roots else str(folder)

    def _serving(self) -> Serving:
        """What was promoted and answers; read again only after a promotion or a roll-back."""
        version = self.store.activations_version(self.base)
        if self._last is None or self._last[0] != version:
            self._last = version, self._answering(in_force(self.history()))
        return self._last[1]

    def _answering(self, line: Sequence[Activation]) -> Serving:
        return tuple((a, self.store.adapter(a.adapter)) for a in answering(line) if a.adapter)

    def _route(self, line: Sequence[Activation]) -> Route:
        return self._routed(self._answering(line))

    def _routed(self, serving: Serving) -> Route:
        """By whose folders are there now."""
        return Route.of(self._ref(activation, adapter) for activation, adapter in serving)

    def _ref(self, activation: Activation, adapter: Adapter) -> AdapterRef:
        adapter = self._placed(adapter)
        if self.fits(adapter):
            return AdapterRef(adapter.name, adapter.path)
        if is_there(adapter):
            return AdapterRef(outdated=adapter.name, labels=labels_served(adapter.path))
        return AdapterRef(missing=adapter.name, labels=frozenset(activation.labels or ()))

    def _standing(self, base: str) -> tuple[frozenset[str | None], frozenset[str | None]]:
        """The names of the adapters of a base that were ever promoted, and of those that serve."""
        history = self.store.activations(base)
        return frozenset(a.adapter for a in history), frozenset(a.named for a in self._route(in_force(history)).adapters)

    def _found(self, adapter: Adapter, promoted: frozenset[str | None], serve: frozenset[str | None]) -> Adapter:
        """The adapter with the folder where it is now, and whether it serves now."""
        status = AdapterStatus.ACTIVE if adapter.name in serve else AdapterStatus.RETIRED
        return replace(self._placed(adapter), status=status if adapter.name in promoted else adapter.status)

    def _placed(self, adapter: Adapter) -> Adapter:
        """The adapter with the folder where it is now; where it was, when it is nowhere."""
        stored = Path(adapter.path)  # absolute in rows of the first versions
        direct = [root / stored for root in (self.home, self.folder) if root]
        moved = self.home.joinpath(*stored.parts[-3:])  # runs/NAME/adapter
        fitting = [f for f in (*direct, *self._shipped_folders(), moved) if adapter_folder.name_of(f) == adapter.name]
        there = fitting or [f for f in direct if f.is_dir()] or direct
        return replace(adapter, path=str(there[0]))


def is_there(adapter: Adapter) -> bool:
    """Whether the adapter's folder holds the adapter of that name; its weights are not looked at."""
    return adapter_folder.name_of(adapter.path) == adapter.name


def _run_of(adapter: Adapter) -> Run:
    """The run folder that made it, if it is still there."""
    return Run(Path(adapter.path).parent)
