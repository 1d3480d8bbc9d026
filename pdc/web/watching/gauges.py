"""What is looked up when somebody reads the metrics. Nothing of it costs more with more images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pdc import __version__
from pdc.domain.errors import PdcError
from pdc.review.ahead.pool import PoolState
from pdc.review.limits.disk import Disk
from pdc.review.requests import RequestTable
from pdc.store.audit.kinds import AuditKind
from pdc.store.store import Store

if TYPE_CHECKING:
    from prometheus_client.core import Metric

BACKUP_LOOKED = 60.0  # seconds between two looks at the record for the last backup


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers come from. `serving`: the names of the adapters that may answer; `jobs`: how many jobs are in each
    state, where there are jobs."""

    store: Store
    disk: Disk
    requests: RequestTable
    loaded: Callable[[], bool]
    pool: Callable[[], PoolState] = PoolState
    serving: Callable[[], Sequence[str]] = tuple
    jobs: Callable[[], Mapping[str, int]] = dict
    model: str = ""


class Gauges:
    """The collector of one process. What cannot be looked up is left out: a dashboard then shows a gap, not a zero."""

    def __init__(self, of: Sources, running: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self.of, self.running, self.clock = of, running, clock
        self._looked, self._backup = -BACKUP_LOOKED, None

    def __call__(self) -> Iterator[Metric]:
        for part in (self._server, self._model, self._adapters, self._disk, self._database, self._jobs):
            try:
                yield from part()
            except (PdcError, OSError):
                continue

    def _server(self) -> Iterator[Metric]:
        yield _info("pdc", "What runs here.", {"version": __version__, "model": self.of.model})
        yield _gauge("pdc_requests_running", "Requests that are served now, without those as long as a page.", self.running())

    def _model(self) -> Iterator[Metric]:
        running, waiting = self.of.requests.now()
        pool = self.of.pool()
        yield _gauge("pdc_model_loaded", "1 once the model is loaded or its server has answered.", self.of.loaded())
        yield _gauge("pdc_predictions_running", "Questions that the model works at.", running)
        by_whom = {priority.name.lower(): n for priority, n in waiting.items()}
        yield _gauges("pdc_predictions_waiting", "Questions that wait for the model.", "wanted_by", by_whom)
        yield _gauge("pdc_pool_waiting", "Images that wait to be answered while PDC is idle.", pool.total - pool.answered)

    def _adapters(self) -> Iterator[Metric]:
        what = "The adapters that answer beside the model; none: it answers alone."
        yield _info("pdc_serving", what, *({"adapter": name} for name in self.of.serving() or ("none",)))

    def _disk(self) -> Iterator[Metric]:
        yield _gauge("pdc_disk_free_bytes", "Free on the disk of PDC_HOME.", self.of.disk.free_bytes())
        yield _gauge("pdc_disk_least_bytes", "With less free no upload is taken.", self.of.disk.least_bytes)

    def _database(self) -> Iterator[Metric]:
        store = self.of.store
        yield _gauge("pdc_database_bytes", "Size of the database, without the images.", store.size())
        yield _gauge("pdc_database_connections", "Connections of this process that are in use.", store.connections())
        if at := self._last_backup():
            yield _gauge("pdc_last_backup_timestamp_seconds", "When the last `pdc backup` was made.", at.timestamp())

    def _last_backup(self) -> datetime | None:
        if self.clock() - self._looked >= BACKUP_LOOKED:
            self._backup, self._looked = self.of.store.last_act(AuditKind.BACKED_UP), self.clock()
        return self._backup

    def _jobs(self) -> Iterator[Metric]:
        yield _gauges("pdc_jobs", "Jobs, by their state.", "state", self.of.jobs())


def _gauge(name: str, what: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, what, float(value))


def _gauges(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    found = GaugeMetricFamily(name, what, labels=[label])
    for key, value in values.items():
        found.add_metric([key], value)
    return found


def _info(name: str, what: str, *rows: dict[str, str]) -> Metric:
    from prometheus_client.core import InfoMetricFamily

    found = InfoMetricFamily(name, what, labels=[])
    for row in rows:
        found.add_metric([], row)
    return found
