"""Backups in one folder: each is named by its time, and the oldest go."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

NAME = re.compile(r"pdc-\d{8}T\d{6}Z\.tar")


def name_now() -> str:
    """The name of a backup that is made now. By name is by time."""
    return f"pdc-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"


def remove_old(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` backups that were named by their time; which. Other files stay."""
    old = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))[:-keep]
    for path in old:
        path.unlink()
    return old
