"""Counts and times of this process, as Prometheus reads them. No label names an image, a user, or the address of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from prometheus_client.core import Metric

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NO_LIBRARY = "Metrics need the Python package {name}; install it with pip, then start PDC again."


class Metrics:
    """Counted in this process since its start. `now` gives what is looked up whenever somebody reads the metrics."""

    def __init__(self) -> None:
        try:
            import prometheus_client as known
        except ModuleNotFoundError:
            known = _Nothing()
        self.registry: Any = known.CollectorRegistry()
        for of_process in (known.ProcessCollector, known.PlatformCollector, known.GCCollector):
            of_process(registry=self.registry)
        count, spread = self._made(known.Counter), self._made(known.Histogram, buckets=SECONDS)
        self.requests = count("pdc_requests", "Requests that were answered", ("method", "route", "status"))
        self.request_seconds = spread("pdc_request_seconds", "From a request until the end of its answer", ("route",))
        self.saves = count("pdc_saves", "Reviews that were saved on this process's pages")
        self.save_seconds = spread("pdc_save_seconds", "What a save took")
        self.predictions = count("pdc_predictions", "Questions that the model was asked", ("wanted_by", "outcome"))
        self.prediction_seconds = spread("pdc_prediction_seconds", "What a whole answer took", ("wanted_by",))
        self.logins_refused = count("pdc_logins_refused", "Log-ins and API tokens that were refused", ("why",))

    def _made(self, kind: Any, **how: Any) -> Callable[..., Any]:
        def made(name: str, what: str, labels: tuple[str, ...] = ()) -> Any:
            return kind(name, f"{what}.", labels, registry=self.registry, **how)

        return made

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def saved(self, seconds: float) -> None:
        """A review was saved."""
        self.saves.inc()
        self.save_seconds.observe(seconds)

    def predicted(self, wanted_by: str, outcome: str, seconds: float) -> None:
        """The model has ended to work at a question."""
        self.predictions.labels(wanted_by, outcome).inc()
        if outcome == "answered":
            self.prediction_seconds.labels(wanted_by).observe(seconds)

    def refused(self, why: str) -> None:
        """Somebody was not let in: a wrong password, a wrong token, or too many tries before."""
        self.logins_refused.labels(why).inc()

    def now(self, collect: Callable[[], Iterable[Metric]]) -> None:
        """From now on this is asked too when the metrics are read."""
        self.registry.register(_Asked(collect))

    def text(self) -> bytes:
        """All of it, as Prometheus reads it. BadSetting where the library is missing."""
        try:
            from prometheus_client import generate_latest
        except ModuleNotFoundError as error:
            raise BadSetting(NO_LIBRARY, name=error.name) from None
        return generate_latest(self.registry)


class _Asked:
    """A collector, as the registry wants one; it says nothing before it is asked."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self.collect = collect

    def describe(self) -> tuple[()]:
        return ()


class _Nothing:
    """In the place of the library: whatever is asked of it does nothing."""

    def __getattr__(self, name: str) -> _Nothing:
        return self

    def __call__(self, *args: Any, **named: Any) -> _Nothing:
        return self
