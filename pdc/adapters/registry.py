"""The registry of adapters: a candidate is measured, promoted by somebody for a reason, and can be rolled back.

Which adapter serves is the store's word; the app asks it before every answer, so nothing here needs a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pdc.adapters.assessable import notes
from pdc.adapters.lineage import first_name
from pdc.adapters.promotion_gate import objections, undecided
from pdc.adapters.suspicions import Suspicion, images_of, suspicions, with_confirmations
from pdc.adapters.test_sets import set_notes
from pdc.domain.errors import BadModel, BadSetting, NotFound, PdcError
from pdc.domain.message import Message, joined
from pdc.domain.values import Adapter, AdapterStatus
from pdc.inference import adapter_folder
from pdc.inference.adapter_folder import AdapterManifest
from pdc.store.records import Activation, Event, EventKind
from pdc.training.run_folder import Run
from pdc.training.test_sets import TestSets

log = logging.getLogger(__name__)
OVERRULE = "{problem} To promote it all the same, use --force and give a reason."
PROGRAM, SHIPPED = "PDC", "came with the model"  # by whose word and why a shipped adapter serves


class AdapterStore(Protocol):
    """The part of the store that adapters need."""

    def add_adapter(self, adapter: Adapter) -> None: ...
    def adapter(self, name: str) -> Adapter: ...
    def adapters(self) -> list[Adapter]: ...
    def active_adapter(self, base: str) -> Adapter | None: ...
    def activate(self, name: str | None, base: str, *, by: str, reason: str, rolled_back: bool = False) -> None: ...
    def activations(self, base: str) -> list[Activation]: ...
    def set_metrics(self, name: str, metrics: Mapping[str, object]) -> None: ...
    def add_events(self, shas: Sequence[str], kind: EventKind, *, by: str, reader: str | None = None, note: str = "") -> None: ...
    def confirmations(self) -> list[Event]: ...


class Adapters:
    """Adapters of one base model. `model` is its folder or hub name, `home` PDC_HOME, as in the settings.

    The path of an adapter is where it is now: the store keeps it relative to the model or to PDC_HOME, and both may be moved.
    `probe` loads an adapter and asks it something; it says what is wrong in a sentence, or None.
    """

    def __init__(self, store: AdapterStore, model: str, home: Path, probe: Callable[[Adapter], str | None] | None = None) -> None:
        self.store, self.home, self.probe = store, home.resolve(), probe
        self.folder = Path(model).resolve() if Path(model).is_dir() else None
        self.base = Path(model).name if self.folder else model

    def all(self) -> list[Adapter]:
        """Oldest first."""
        return [self._found(a) for a in self.store.adapters() if a.base == self.base]

    def every(self) -> list[Adapter]:
        """Those of other bases too; oldest first."""
        return list(map(self._found, self.store.adapters()))

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
        return self._found(self.store.adapter(name))

    def active(self) -> Adapter | None:
        """What should serve, or None when the base serves alone."""
        adapter = self.store.active_adapter(self.base)
        return adapter and self._found(adapter)

    def serving(self) -> Adapter | None:
        """What does serve: the active adapter, or None, the base alone, where it is missing or outdated."""
        adapter = self.active()
        return adapter if adapter and self.fits(adapter) else None

    def history(self) -> list[Activation]:
        """What served, by whose word and why; oldest first."""
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
        """Let the adapter serve from the next question on.

        BadModel when it is damaged or of another base, or when anything speaks against it (`objection`); `force`
        overrides the latter, and the reason says so for ever. BadSetting when force comes without a reason.
        """
        if force and not reason.strip():
            raise BadSetting("Say why it should serve whatever speaks against it; the reason is kept.")
        adapter = self.get(name)
        problem = self.objection(adapter)
        if problem and not force:
            raise BadModel(OVERRULE, problem=problem)
        self.store.activate(name, self.base, by=by, reason=f"{reason} (forced: {problem})" if problem else reason)
        return self.get(name)

    def objection(self, adapter: Adapter) -> Message | None:
        """Why the adapter should not serve, in sentences; None when nothing speaks against it. BadModel when damaged."""
        found = self.verify(adapter.name)
        rival = self.serving()
        metrics = with_confirmations(adapter.metrics, self.store.confirmations())
        against: list[str] = [*objections(adapter.name, metrics, rival.name if rival else None, found)]
        if not against and self.probe and (wrong := self.probe(adapter)):
            against = [wrong]
        return joined(against) if against else None

    def suspicions(self, name: str) -> list[Suspicion]:
        """Reviews behind the adapter that chance does not explain, and that nobody has confirmed."""
        return suspicions(with_confirmations(self.get(name).metrics, self.store.confirmations()))

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
        metrics, rival = self.get(name).metrics, self.serving()
        known = [one.name for one in TestSets(self.home).all() if not one.locked]
        unsure = undecided(metrics, "active") if metrics.get("active") else []
        return [*notes(metrics), *unsure, *set_notes(metrics, rival.name if rival and rival.name != name else None, known)]

    def changes(self, name: str) -> str | None:
        """HTML with pictures of the held-out images that it answers otherwise than what served then; None if none were kept."""
        path = Path(self.get(name).path).parent / "changes.html"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def rollback(self, *, by: str, reason: str = "rolled back") -> Adapter | None:
        """Let serve what served before; None is the base alone. NotFound when nothing was ever promoted."""
        before = self.previous()
        if before is not None:
            self.verify(before)
        self.store.activate(before, self.base, by=by, reason=reason, rolled_back=True)
        return self.active()

    def previous(self) -> str | None:
        """What a roll-back would bring into service (None: the base alone). NotFound when nothing was ever promoted."""
        line = _line_of_succession(self.history())
        if len(line) < 2:
            raise NotFound("There is nothing to roll back to: {name} serves without an adapter.", name=self.base)
        return line[-2]

    def ensure_shipped(self) -> None:
        """Register adapters that came with the model; the newest serves unless somebody promoted one or rolled back."""
        shipped = [m for m in map(self._shipped, self._shipped_folders()) if m is not None]
        if shipped and all((a.by, a.reason) == (PROGRAM, SHIPPED) for a in self.history()):
            newest = max(shipped, key=lambda m: datetime.fromisoformat(m.created_at))
            self.store.activate(newest.name, self.base, by=PROGRAM, reason=SHIPPED)

    def _shipped_folders(self) -> Sequence[Path]:
        return sorted(p.parent for p in self.folder.glob("adapters/*/pdc.json")) if self.folder else ()

    def _shipped(self, folder: Path) -> AdapterManifest | None:
        """Register it unless that has been done. A damaged one is left out, and the log says why."""
        try:
            found = adapter_folder.verify(folder, self.base, self.folder)
            if found.name not in {a.name for a in self.store.adapters()}:
                self._add(folder)
            return found
        except PdcError as error:
            log.error("%s", error)
            return None

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

    def _found(self, adapter: Adapter) -> Adapter:
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


def _line_of_succession(history: Sequence[Activation]) -> list[str | None]:
    """Who could be rolled back to, the one serving last. A roll-back takes the later one out; a promotion never does."""
    line: list[str | None] = [None]
    for activation in history:
        if _went_back(activation, line):
            line.pop()
        else:
            line.append(activation.adapter)
    return line


def _went_back(activation: Activation, line: Sequence[str | None]) -> bool:
    """As the activation says; where it was made before that was noted, whether it brought back the one before."""
    before = len(line) > 1 and activation.adapter == line[-2]
    return before if activation.rolled_back is None else activation.rolled_back
