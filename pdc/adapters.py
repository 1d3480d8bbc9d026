"""The registry of adapters: a candidate is measured, promoted by somebody for a reason, and can be rolled back.

Which adapter serves is the store's word; the app asks it before every answer, so nothing here needs a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pdc import manifest
from pdc.domain import Adapter, AdapterStatus
from pdc.errors import BadModel, NotFound, PdcError
from pdc.gate import objections
from pdc.manifest import Manifest
from pdc.runs import Run
from pdc.store.records import Activation

log = logging.getLogger(__name__)


class AdapterStore(Protocol):
    """The part of the store that adapters need."""

    def add_adapter(self, adapter: Adapter) -> None: ...
    def adapter(self, name: str) -> Adapter: ...
    def adapters(self) -> list[Adapter]: ...
    def active_adapter(self, base: str) -> Adapter | None: ...
    def activate(self, name: str | None, base: str, *, by: str, reason: str) -> None: ...
    def activations(self, base: str) -> list[Activation]: ...
    def set_metrics(self, name: str, metrics: Mapping[str, object]) -> None: ...


class Adapters:
    """Adapters of one base model. `model` is its folder or hub name, as in the settings.

    `probe` loads an adapter and asks it something; it says what is wrong in a sentence, or None.
    """

    def __init__(self, store: AdapterStore, model: str, probe: Callable[[Adapter], str | None] | None = None) -> None:
        self.store, self.probe = store, probe
        self.folder = Path(model) if Path(model).is_dir() else None
        self.base = self.folder.name if self.folder else model

    def all(self) -> list[Adapter]:
        """Oldest first."""
        return [a for a in self.store.adapters() if a.base == self.base]

    def active(self) -> Adapter | None:
        """What serves, or None when the base serves alone."""
        return self.store.active_adapter(self.base)

    def history(self) -> list[Activation]:
        """What served, by whose word and why; oldest first."""
        return self.store.activations(self.base)

    def verify(self, name: str) -> Manifest:
        """BadModel with a sentence when the adapter's folder is missing, damaged or of another base."""
        return manifest.verify(Path(self.store.adapter(name).path), self.base, self.folder)

    def register(self, run: Run) -> Adapter:
        """Add the adapter of a complete run as a candidate, with its metrics if it was measured."""
        if not run.is_complete():
            raise BadModel(f"The run {run.name} is not complete, so its adapter cannot be registered; train again.")
        adapter = self._add(run.adapter)
        if metrics := run.metrics():
            self.store.set_metrics(adapter.name, metrics)
        return self.store.adapter(adapter.name)

    def promote(self, name: str, *, by: str, reason: str, force: bool = False) -> Adapter:
        """Let the adapter serve from the next question on.

        BadModel when it is damaged or of another base, or when anything speaks against it (`objection`); `force`
        overrides the latter, and the reason says so for ever.
        """
        adapter = self.store.adapter(name)
        problem = self.objection(adapter)
        if problem and not force:
            raise BadModel(f"{problem} To promote it all the same, use --force and give a reason.")
        self.store.activate(name, self.base, by=by, reason=f"{reason} (forced: {problem})" if problem else reason)
        return self.store.adapter(name)

    def objection(self, adapter: Adapter) -> str | None:
        """Why the adapter should not serve, in sentences; None when nothing speaks against it. BadModel when damaged."""
        found = self.verify(adapter.name)
        active = self.active()
        against = objections(adapter.name, adapter.metrics, active.name if active else None, found)
        if not against and self.probe and (wrong := self.probe(adapter)):
            against = [wrong]
        return " ".join(against) or None

    def changes(self, name: str) -> str | None:
        """HTML with pictures of the held-out images that it answers otherwise than what served then; None if none were kept."""
        path = Path(self.store.adapter(name).path).parent / "changes.html"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def rollback(self, *, by: str, reason: str = "rolled back") -> Adapter | None:
        """Let serve what served before; None is the base alone. NotFound when nothing was ever promoted."""
        before = self.previous()
        if before is not None:
            self.verify(before)
        self.store.activate(before, self.base, by=by, reason=reason)
        return self.active()

    def previous(self) -> str | None:
        """What a roll-back would bring into service (None: the base alone). NotFound when nothing was ever promoted."""
        line = _line_of_succession(self.history())
        if len(line) < 2:
            raise NotFound(f"There is nothing to roll back to: {self.base} serves without an adapter.")
        return line[-2]

    def ensure_shipped(self) -> None:
        """Register adapters that came with the model; the newest serves if nothing was ever promoted or rolled back."""
        shipped = [m for m in map(self._shipped, self._shipped_folders()) if m is not None]
        if shipped and not self.history():
            newest = max(shipped, key=lambda m: datetime.fromisoformat(m.created_at))
            self.store.activate(newest.name, self.base, by="PDC", reason="came with the model")

    def _shipped_folders(self) -> Sequence[Path]:
        return sorted(p.parent for p in self.folder.glob("adapters/*/pdc.json")) if self.folder else ()

    def _shipped(self, folder: Path) -> Manifest | None:
        """Register it unless that has been done. A damaged one is left out, and the log says why."""
        try:
            found = manifest.verify(folder, self.base, self.folder)
            if found.name not in {a.name for a in self.store.adapters()}:
                self._add(folder)
            return found
        except PdcError as error:
            log.error("%s", error)
            return None

    def _add(self, folder: Path) -> Adapter:
        found = manifest.verify(folder, self.base, self.folder)
        adapter = Adapter(
            name=found.name, base=found.base, path=str(folder.resolve()), status=AdapterStatus.CANDIDATE,
            parent=found.parent, prompt_version=found.prompt_version, metrics={},
            created_at=datetime.fromisoformat(found.created_at),
        )
        self.store.add_adapter(adapter)
        return adapter


def ensure_shipped(store: AdapterStore, model: str) -> None:
    """Register and, at the very first start, activate what came with the model."""
    Adapters(store, model).ensure_shipped()


def _line_of_succession(history: Sequence[Activation]) -> list[str | None]:
    """Who could be rolled back to, the one serving last. Going back to the one before takes the later one out."""
    line: list[str | None] = [None]
    for activation in history:
        if len(line) > 1 and activation.adapter == line[-2]:
            line.pop()
        else:
            line.append(activation.adapter)
    return line
