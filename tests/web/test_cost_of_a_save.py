"""A save asks the database for little: with many readers that is what decides how long each of them waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from house import living
from sqlalchemy import Engine, event

MOST_QUESTIONS, MOST_WRITES = 45, 1
pytestmark = pytest.mark.slow


def test_a_save_over_http_writes_once_and_reads_nothing_twice(tmp_path: Path):
    with living(tmp_path) as house:
        ada = house.reader("ada")
        value = ada.open(ada.upload("a.png"), "platelet")
        drawn = {"id": "m", "label": "platelet", "box": [1, 1, 9, 9], "origin": "human", "status": "open", "score": None}
        assert "Saved, revision 1" in str(ada.save(value, drawn))
        asked: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            asked.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            saved = ada.save(value, {**drawn, "box": [2, 2, 9, 9]})
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        summary = house.blocks._queue.cached_event_analytics_summary
    assert summary == {"functions": {}}  # Gradio adds up nothing: that would take longer than a save, and longer with each event
    assert "Saved, revision 2" in str(saved)
    assert asked.count("BEGIN IMMEDIATE") == MOST_WRITES and len(asked) <= MOST_QUESTIONS, "\n".join(asked)
