"""How many files the process may have open: as many as the system allows at its start, and a sentence where that is too few."""

from __future__ import annotations

import subprocess
import sys

import pytest

resource = pytest.importorskip("resource", reason="this system sets no such limit")
CODE = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from pdc.domain.errors import PdcError
from pdc.web.limits.open_files import raised
try:
    print(raised(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
except PdcError as error:
    print(error)
"""


def said(soft: int, hard: int) -> str:
    command = [sys.executable, "-c", CODE.format(soft=soft, hard=hard)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_limit_is_raised_to_what_the_system_allows():
    assert said(256, 2048) == "2048 2048"


def test_too_few_is_a_sentence_that_says_how_to_raise_it():
    assert said(64, 128).startswith("PDC may open only 128 files at once and needs 512. Raise the limit")
