"""What training and the registry keep: adapters, activations, groups of the split, and runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pdc.domain.errors import BadModel, BadSetting, NotFound
from pdc.domain.values import Adapter, AdapterStatus, RunStatus
from pdc.store import mapping
from pdc.store.database import Database
from pdc.store.records import Activation, RunRecord
from pdc.store.tables import ActivationRow, AdapterRow, GroupRow, RunRow

HELD_OUT = "held_out"
TRAINING = "training"
_UNFINISHED = (RunStatus.PREPARED, RunStatus.RUNNING)


class AdapterQueries(Database):
    """What serves follows from the history of activations, which is only added to (`pdc.adapters.succession`)."""

    def add_adapter(self, adapter: Adapter) -> None:
        """BadModel when the name is taken. An adapter serves only by `activate`."""
        if adapter.status is AdapterStatus.ACTIVE:
            raise ValueError("add an adapter first, then activate it")
        with self._write() as session:
            if _adapter_row(session, adapter.name):
                raise BadModel(f"There is already an adapter named {adapter.name!r}; choose another name.")
            session.add(mapping.adapter_row(adapter))

    def adapter(self, name: str) -> Adapter:
        """NotFound when there is none."""
        with self._read() as session:
            return mapping.adapter(_known_adapter(session, name))

    def adapters(self) -> list[Adapter]:
        """Oldest first."""
        with self._read() as session:
            return [mapping.adapter(row) for row in session.scalars(select(AdapterRow).order_by(AdapterRow.seq))]

    def activate(self, name: str | None, base: str, *, by: str, reason: str, labels: Iterable[str] | None = None) -> None:
        """Note that an adapter (None: the base alone) answers about these labels from now on (none: about all; None: in place of
        everything that served), who says so, and why. NotFound when there is no such adapter, BadModel when the base differs."""
        with self._write() as session:
            _check_fit(session, name, base)
            session.add(_line(base, name, by, reason, rolled_back=False, labels=mapping.dump_labels(labels)))

    def roll_back(self, undoes: int, name: str | None, base: str, *, by: str, reason: str) -> None:
        """Note that the promotion with this number holds no longer; `name` is what was promoted last of those that do."""
        with self._write() as session:
            _check_fit(session, name, base)
            session.add(_line(base, name, by, reason, rolled_back=True, undoes=undoes))

    def activations(self, base: str) -> list[Activation]:
        """What was promoted and rolled back on that base, oldest first."""
        query = select(ActivationRow).where(ActivationRow.base == base).order_by(ActivationRow.seq)
        with self._read() as session:
            return [mapping.activation(row) for row in session.scalars(query)]

    def activations_version(self, base: str) -> tuple[int, int]:
        """Is another after each promotion and roll-back on that base."""
        query = select(func.coalesce(func.max(ActivationRow.seq), 0), func.count()).where(ActivationRow.base == base)
        with self._read() as session:
            newest, how_many = session.execute(query).one()
            return newest, how_many

    def set_metrics(self, name: str, metrics: Mapping[str, object]) -> None:
        """Note the held-out evaluation; a candidate becomes evaluated. NotFound when there is no such adapter."""
        with self._write() as session:
            row = _known_adapter(session, name)
            row.metrics = mapping.dump_metrics(metrics)
            if row.status == AdapterStatus.CANDIDATE:
                row.status = AdapterStatus.EVALUATED

    def held_out_groups(self) -> frozenset[str]:
        """Groups that are measured on and never trained on."""
        return self._groups(HELD_OUT)

    def training_groups(self) -> frozenset[str]:
        """Groups that have been trained on, or may have been."""
        return self._groups(TRAINING)

    def hold_out(self, groups: Iterable[str]) -> None:
        """For ever. BadSetting, and nothing is changed, when one of them has been assigned to training."""
        self._assign(groups, HELD_OUT)

    def assign_training(self, groups: Iterable[str]) -> None:
        """For ever. BadSetting, and nothing is changed, when one of them is held out."""
        self._assign(groups, TRAINING)

    def _groups(self, side: str) -> frozenset[str]:
        with self._read() as session:
            return frozenset(session.scalars(select(GroupRow.name).where(GroupRow.side == side)))

    def _assign(self, groups: Iterable[str], side: str) -> None:
        with self._write() as session:
            sides = {row.name: row.side for row in session.scalars(select(GroupRow))}
            for name in sorted(set(groups)):
                if name not in sides:
                    session.add(GroupRow(name=name, side=side, assigned_at=datetime.now(UTC)))
                elif sides[name] != side:
                    raise BadSetting(_CANNOT_MOVE[side].format(name=name))

    def add_run(self, run: RunRecord) -> None:
        """BadSetting when the name is taken."""
        with self._write() as session:
            if _run_row(session, run.name):
                raise BadSetting(f"There is already a run named {run.name!r}; choose another name.")
            session.add(mapping.run_row(run))

    def runs(self) -> list[RunRecord]:
        """Oldest first."""
        with self._read() as session:
            return [mapping.run(row) for row in session.scalars(select(RunRow).order_by(RunRow.seq))]

    def set_run_status(self, name: str, status: RunStatus, finished_at: datetime | None = None) -> None:
        """NotFound when there is no such run. Complete, failed and stopped are finished now, or at `finished_at`."""
        status = RunStatus(status)
        with self._write() as session:
            row = _run_row(session, name)
            if row is None:
                raise NotFound(f"There is no run named {name!r}.")
            row.status = status
            row.finished_at = None if status in _UNFINISHED else finished_at or datetime.now(UTC)


_CANNOT_MOVE = {
    HELD_OUT: "The group {name!r} has been trained on, so it can no longer be held out; hold out another group.",
    TRAINING: "The group {name!r} is held out for measuring, so it cannot be trained on; leave it out.",
}


def _adapter_row(session: Session, name: str) -> AdapterRow | None:
    return session.scalar(select(AdapterRow).where(AdapterRow.name == name))


def _known_adapter(session: Session, name: str) -> AdapterRow:
    row = _adapter_row(session, name)
    if row is None:
        raise NotFound(f"There is no adapter named {name!r}; the Training tab lists those there are.")
    return row


def _check_fit(session: Session, name: str | None, base: str) -> None:
    row = _known_adapter(session, name) if name is not None else None
    if row and row.base != base:
        raise BadModel(f"The adapter {name!r} was trained on {row.base!r} and does not fit {base!r}; choose another.")


def _line(base: str, name: str | None, by: str, reason: str, **more: object) -> ActivationRow:
    return ActivationRow(base=base, adapter=name, by=by, reason=reason, at=datetime.now(UTC), **more)


def _run_row(session: Session, name: str) -> RunRow | None:
    return session.scalar(select(RunRow).where(RunRow.name == name))
