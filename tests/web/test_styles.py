"""Type, spaces and colours come from one place, so that every tab looks like one hand made it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[2] / "assets"
SHEETS = sorted(path.name for path in ASSETS.glob("*.css"))
OWN_SIZE = re.compile(r"font(?:-size)?:[^;{}]*\dpx[^;{}]*", re.ASCII)


@pytest.mark.parametrize("sheet", SHEETS)
def test_sizes_of_type_are_those_of_the_theme(sheet: str):
    found = [m for m in OWN_SIZE.findall((ASSETS / sheet).read_text()) if "--pdc-size" not in m]
    assert found == []


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_token_that_is_used_is_declared(sheet: str):
    declared = set(re.findall(r"(--pdc-[\w-]+):", "".join(path.read_text() for path in ASSETS.glob("*.css"))))
    used = set(re.findall(r"var\((--pdc-(?:size|space)-[\w-]+)\)", (ASSETS / sheet).read_text()))
    assert used <= declared
