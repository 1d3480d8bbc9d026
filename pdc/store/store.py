"""The store: one database behind plain methods. Domain values in, domain values out; nothing else leaves."""

from __future__ import annotations

from pdc.store.adapter_queries import AdapterQueries
from pdc.store.counting.queries import CountQueries
from pdc.store.database import BUSY_SECONDS, open_engine
from pdc.store.effort_queries import EffortQueries
from pdc.store.image_queries import ImageQueries
from pdc.store.list_queries import ListQueries
from pdc.store.look_queries import LookQueries
from pdc.store.reading.reads import ReadQueries
from pdc.store.schema import migrate
from pdc.store.user_queries import UserQueries
from pdc.store.vector_queries import VectorQueries


class Store(
    ReadQueries, ImageQueries, ListQueries, AdapterQueries, LookQueries, EffortQueries, VectorQueries, UserQueries, CountQueries
):
    """Every method is one transaction, may be called from any thread, and raises StoreUnavailable, with a sentence,
    when the database refuses. A write that returned is on disk."""

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Store:
        """The database at a SQLAlchemy URL, made or brought up to date first. StoreUnavailable when that cannot be.

        `busy_seconds` is how long a write waits for another process that is writing to the same SQLite file.
        """
        engine = open_engine(url, busy_seconds)
        try:
            migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)
