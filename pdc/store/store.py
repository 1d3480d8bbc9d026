"""The store: one database behind plain methods. Domain values in, domain values out; nothing else leaves."""

from __future__ import annotations

from sqlalchemy import select

from pdc.store.adapter_queries import AdapterQueries
from pdc.store.audit.chain import Chain, RecordPlace
from pdc.store.audit.queries import AuditQueries
from pdc.store.claims.queries import ClaimQueries
from pdc.store.copy_queries import CopyQueries
from pdc.store.counting.queries import CountQueries
from pdc.store.database import BUSY_SECONDS, open_engine
from pdc.store.effort_queries import EffortQueries
from pdc.store.jobs.queries import JobQueries
from pdc.store.learnt.newest import NewestQueries
from pdc.store.learnt.queries import LearntQueries
from pdc.store.learnt.sums import SumQueries
from pdc.store.list_queries import ListQueries
from pdc.store.listing.pages import ListPages
from pdc.store.listing.upkeep import ListUpkeep
from pdc.store.look_queries import LookQueries
from pdc.store.reading.reads import ReadQueries
from pdc.store.schema import is_current, migrate
from pdc.store.together.queries import TogetherQueries
from pdc.store.tokens.queries import TokenQueries
from pdc.store.vector_queries import VectorQueries


class Store(
    ReadQueries,
    ListQueries,
    AdapterQueries,
    LookQueries,
    EffortQueries,
    VectorQueries,
    CopyQueries,
    TokenQueries,
    TogetherQueries,
    CountQueries,
    AuditQueries,
    LearntQueries,
    ClaimQueries,
    JobQueries,
    ListUpkeep,
    ListPages,
    SumQueries,
    NewestQueries,
):
    """Every method is one transaction, may be called from any thread, and raises StoreUnavailable, with a sentence,
    when the database refuses. A write that returned is on disk."""

    @classmethod
    def open(
        cls, url: str, *, busy_seconds: float = BUSY_SECONDS, record: RecordPlace | None = None, bare: bool = False
    ) -> Store:
        """The database at a SQLAlchemy URL, made or brought up to date first. StoreUnavailable when that cannot be.

        `busy_seconds` is how long a write waits for another process that is writing to the same SQLite file. `record` says
        where the record's key and anchor lie; None: beside a SQLite file. `bare`: a new database begins without the labels
        that PDC knows, for an archive has its own.
        """
        engine = open_engine(url, busy_seconds)
        try:
            chain = Chain(record or RecordPlace.beside(engine.url))
            migrate(engine, chain, bare=bare)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, chain)

    def answers(self) -> bool:
        """True; StoreUnavailable when the database does not answer."""
        with self._read() as session:
            return session.scalar(select(1)) == 1

    def is_current(self) -> bool:
        """Whether the database is still of this version: another process may have brought it further. StoreUnavailable."""
        return is_current(self._engine)
