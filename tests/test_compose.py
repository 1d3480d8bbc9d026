"""What the composition root decides itself: what a first visit asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pdc.adapters.routing import AdapterRouting
from pdc.compose import first_question_of
from pdc.inference.adapter_ref import AdapterRef
from pdc.review.examples import KNOWN_LABELS
from pdc.settings import Settings


def adapter(folder: Path, serves: list[str], labels: list[str]) -> AdapterRef:
    folder.mkdir()
    (folder / "pdc.json").write_text(json.dumps({"serves": serves, "labels": labels}))
    return AdapterRef(folder.name, str(folder))


@pytest.mark.parametrize(
    ("serves", "more"), [(["bacterium"], ()), (["platelet", "bacterium"], ("bacterium",)), ([], ("bacterium",))]
)
def test_a_first_visit_asks_what_whoever_answers_knows_and_brings_no_other_adapter_in(tmp_path: Path, serves, more):
    settings = Settings.from_env({"PDC_HOME": str(tmp_path)})
    wanted = adapter(tmp_path / "mine", serves, [*KNOWN_LABELS, "bacterium"])
    assert first_question_of(settings, AdapterRouting("pdc-tiny", lambda: wanted)).labels == (*KNOWN_LABELS, *more)
    assert first_question_of(settings, AdapterRouting("pdc-tiny", AdapterRef)).labels == KNOWN_LABELS
