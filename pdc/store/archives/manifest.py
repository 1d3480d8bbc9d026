"""What an archive says about itself, and its layout.

manifest.json        the manifest
tables/NAME.jsonl    a row a line, in the order in which the rows came
files.jsonl          a file a line: its path below PDC_HOME, sha256 and bytes
files/PATH           the file
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

FORMAT = "pdc-archive"
FORMAT_VERSION = 1
MANIFEST, FILES = "manifest.json", "files.jsonl"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of lines in the archive."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds. `schema` is the revision of the database it was made from; `left_out` are sentences."""

    made_at: str
    version: str
    schema: str
    logins: bool
    tables: Mapping[str, Listed]
    files: Listed
    left_out: tuple[str, ...] = ()
    format: str = FORMAT
    format_version: int = FORMAT_VERSION

    def to_json(self) -> dict[str, Any]:
        return {"format": self.format, "format_version": self.format_version, **asdict(self)}

    @classmethod
    def of(cls, said: Any) -> Manifest:
        """ValueError or TypeError where it is none of this version."""
        if said.get("format") != FORMAT or said.get("format_version") != FORMAT_VERSION:
            raise ValueError("another format")
        known = {f.name: said[f.name] for f in fields(cls) if f.name in said}
        tables = {name: Listed(**listed) for name, listed in said["tables"].items()}
        return cls(**{**known, "tables": tables, "files": Listed(**said["files"]), "left_out": tuple(said["left_out"])})


def table_file(name: str) -> str:
    return f"tables/{name}.jsonl"


def kept_file(path: str) -> str:
    return f"files/{path}"
