"""Long work, shown on standard error: bars on a terminal, elsewhere a line every five seconds. Results go to standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pdc.domain.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

EVERY = 5.0  # seconds between lines, and before the first


def say(line: str) -> None:
    """A line for the person at the terminal."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def shown() -> Iterator[Progress]:
    """What long work is to call as it gets on."""
    if not sys.stderr.isatty():
        yield Lines(say)
        return
    with _rich() as bars:
        yield Bars(bars)


def _rich() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    # What is printed meanwhile appears above the bars; into a file or a pipe it must go untouched.
    return RichProgress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())


class Bars:
    """A bar for each kind of work that is going on; it goes when the work is done."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done, total=total)
        if done >= total:
            self._bars.remove_task(self._tasks.pop(what))


class Lines:
    """A line at most every five seconds of each kind of work: how much is done and how long the rest will take."""

    def __init__(self, say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._say, self._now = say, now
        self._begun: dict[str, tuple[float, int]] = {}
        self._said: dict[str, float] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        now = self._now()
        started, before = self._begun.setdefault(what, (now, done))
        if done >= total:
            del self._begun[what]
            self._said.pop(what, None)
        elif now - self._said.get(what, started) >= EVERY:
            self._said[what] = now
            self._say(f"{what}: {done} of {total}{_left(now - started, done - before, total - done)}")


def _left(seconds: float, done: int, to_do: int) -> str:
    if not done:
        return ""
    left = seconds / done * to_do
    return f", {left / 60:.0f} min left" if left >= 90 else f", {left:.0f} s left"
