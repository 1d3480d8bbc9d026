"""What became of the rows and files of an archive: what came in, what was here, what got another name, what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pdc.domain.message import Message

NAMED = 5
CAME = Message("Brought in: {what}.")
HERE = Message("Here already: {what}.")
NOTHING = Message("nothing")


@dataclass(frozen=True, slots=True)
class Account:
    """Counts by table, and sentences with the names that they are about. `files` counts files in the same way."""

    came: Counter[str] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)
    said: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(table, sentence) -> the names that it is about, at first in the order in which they came"""

    def say(self, table: str, sentence: str, name: str) -> None:
        self.said.setdefault((table, sentence), []).append(name)

    def told(self) -> list[Message]:
        """A sentence a line."""
        return [*(Message(s.text, what=_counts(of)) for s, of in ((CAME, self.came), (HERE, self.here))), *self._sentences()]

    def _sentences(self) -> Iterator[Message]:
        for (table, sentence), names in self.said.items():
            first = list(dict.fromkeys(names))
            more = f" and {len(first) - NAMED} more" if len(first) > NAMED else ""
            listed = ", ".join(first[:NAMED]) + more
            yield Message("{table}, {n} ({names}): {why}", n=len(names), table=in_words(table), names=listed, why=sentence)


def _counts(of: Counter[str]) -> str:
    return ", ".join(f"{in_words(table)} {n}" for table, n in of.items() if n) or NOTHING


def in_words(name: str) -> str:
    """A table's or column's name, for people."""
    return name.replace("_", " ")
