"""With ten times as many images, reviews, events and counts nothing that a page does asks more of the database.

What every act fetches is counted on stores of two sizes; and every query that was sent is explained: none reads a large table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from acts import ACTS, ROWS_AT_MOST, Lab
from database_work import Work, watched
from databases import Server, on_server
from sqlalchemy import func, inspect, select, table

SMALL, LARGE = 200, 2000
SLACK = 1500  # steps of SQLite's machine: a level more of an index, a page more of a table
BIG = 60  # rows: more than of the tables of labels, adapters and settings
EACH_ROW = 40  # steps
LAST_ROWS = re.compile(r"FROM \w+ ORDER BY \w+\.\w+ DESC\s+LIMIT \?")
"""a few from the end of a table, if nothing has to be sorted: the plan has one step"""
NO_PLAN = re.compile(r"^(INSERT|PRAGMA|BEGIN|SELECT pg_)")


class Labs:
    def __init__(self, folder: Path) -> None:
        self.small, self.large = (Lab(_made(folder / str(n)), n) for n in (SMALL, LARGE))
        self.work = cache(self._work)

    def _work(self, name: str) -> tuple[Work, Work]:
        """Of one act on the small and on the large store."""
        return worked(self.small, name), worked(self.large, name)

    def close(self) -> None:
        self.small.close()
        self.large.close()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def worked(lab: Lab, name: str) -> Work:
    act = ACTS[name](lab)
    with watched(lab.store) as work:
        act()
    return work


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    labs = Labs(tmp_path_factory.mktemp("labs"))
    yield labs
    labs.close()


@pytest.mark.parametrize("name", ACTS)
def test_no_act_fetches_more_from_a_larger_store(labs: Labs, name: str):
    small, large = labs.work(name)
    most = ROWS_AT_MOST.get(name, 0)
    assert large.rows <= max(1.1 * small.rows + 3, most), (small.rows, large.rows)
    assert large.steps <= max(1.5 * small.steps, EACH_ROW * most) + SLACK, (small.steps, large.steps)


@pytest.mark.parametrize("name", ACTS)
def test_no_query_of_an_act_reads_a_large_table_whole(labs: Labs, name: str):
    big, found = large_tables(labs.large), []
    with labs.large.store._engine.connect() as connection:
        for statement, values in asked(labs.work(name)[1]).items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            details = [detail for *_, detail in plan]
            scanned = [] if LAST_ROWS.search(statement) and len(details) == 1 else [re.match(r"SCAN (\w+)", d) for d in details]
            found += [(name[1], statement) for name in scanned if name and name[1] in big]
    assert found == []


@pytest.mark.nightly
def test_no_query_of_an_act_reads_a_large_table_whole_on_postgresql(tmp_path: Path, postgres: Server):
    with on_server(postgres):
        lab = Lab(tmp_path, SMALL)
        big, found = large_tables(lab), []
        statements = {s: v for name in ACTS for s, v in asked(worked(lab, name)).items()}
        with lab.store._engine.connect() as connection:
            connection.exec_driver_sql("SET enable_seqscan = off")
            for statement, values in statements.items():
                plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
                found += [(name, statement) for name in re.findall(r"Seq Scan on (\w+)", plan) if name in big]
        lab.close()
    assert found == []


def asked(work: Work) -> Mapping[str, Any]:
    """Each query once, with values that it was sent with."""
    return {statement: values for statement, values in work.statements if not NO_PLAN.match(statement)}


def large_tables(lab: Lab) -> set[str]:
    with lab.store._engine.connect() as connection:
        names = inspect(connection).get_table_names()
        counts = {name: connection.scalar(select(func.count()).select_from(table(name))) or 0 for name in names}
    return {name for name, n in counts.items() if n > BIG and name not in ("labels", "label_events")}
