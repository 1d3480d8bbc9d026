"""`python -m tests.bench.busy_cores --data FOLDER`: how long an answer takes beside two busy loops, two ways in one run.

Without more it compares how threads wait: the policy that PDC sets, and OpenMP's own. `--against CHECKOUT` compares this checkout
with another one (`git worktree add FOLDER COMMIT`), and `--model` and `--their-model` two models; threads then wait passively in
both. Each way is a process of its own. They answer the same image in turn, and who answers first changes from image to image.

Timed are the first mark, the first ten marks where both ways say as many, the whole answer, and its processor time, which
others on the machine disturb the least. Two processes that only count keep two cores busy meanwhile; 0 loops measure the idle
machine. Read the median of the ratios: image by image, this over that.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
ANSWERER = Path(__file__).with_name("answerer.py")
TIMED = "first mark", "ten marks", "whole answer", "processor"
MOST = 1.2  # times what the other checkout takes


@dataclass(frozen=True, slots=True)
class Way:
    """A checkout with a model folder ("": its own), and the policy by which its threads wait (None: as PDC sets it)."""

    name: str
    checkout: Path
    model: str = ""
    policy: str | None = None

    @contextmanager
    def started(self, labels: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        environment = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "PYTHONPATH")}
        environment |= {"PYTHONPATH": str(self.checkout)} | ({} if self.policy is None else {"OMP_WAIT_POLICY": self.policy})
        command = [sys.executable, "-P", str(ANSWERER), self.model, *labels]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, env=environment, cwd=self.checkout, text=True, **pipes) as process:
            yield process
            process.stdin.close()


def main() -> None:
    options = _options()
    ways = _ways(options)
    images = sorted(p for p in options.data.rglob("*") if p.suffix in (".png", ".jpg"))
    chosen = random.Random(0).sample(images, min(options.images, len(images)))
    with ExitStack() as stack:
        stack.enter_context(_busy(options.loops))
        running = [stack.enter_context(way.started(options.label)) for way in ways]
        rows = [_in_turn(running, image, turn) for turn, image in enumerate(chosen[:1] + chosen * options.rounds)][1:]
    print(f"{ways[0].name} / {ways[1].name}, beside {options.loops} busy loops")
    for what in TIMED:
        pairs = [(a[what], b[what]) for a, b in rows if a[what] is not None and b[what] is not None]
        print(_said(what, pairs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with images")
    parser.add_argument("--label", action="append", help="what is asked for; repeat (default: red blood cell)")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="folder of another checkout to compare with")
    parser.add_argument("--model", default="", help="model folder of this checkout (default: the one that ships)")
    parser.add_argument("--their-model", default="", help="model folder of the other way (default: the one that ships)")
    parser.add_argument("--images", type=int, default=9, help="images a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--loops", type=int, default=2, help="busy processes beside it (default: %(default)s)")
    options = parser.parse_args()
    options.label = options.label or ["red blood cell"]
    return options


def _ways(options: argparse.Namespace) -> tuple[Way, Way]:
    ours, theirs = (folder and str(Path(folder).resolve()) for folder in (options.model, options.their_model))
    if options.against or theirs:
        there = (options.against or HERE).resolve()
        return Way("this checkout", HERE, ours, "passive"), Way(there.name, there, theirs, "passive")
    return Way("as PDC sets it", HERE, ours), Way("OpenMP's own", HERE, ours, "")  # empty: libgomp takes its own


@contextmanager
def _busy(loops: int) -> Iterator[None]:
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _in_turn(running: Sequence[subprocess.Popen[str]], image: Path, turn: int) -> list[Mapping[str, float | None]]:
    """What each way took for one image; the other one waits meanwhile."""
    found: dict[int, Mapping[str, float | None]] = {}
    for i in (0, 1) if turn % 2 else (1, 0):
        process = running[i]
        print(image.resolve(), file=process.stdin, flush=True)
        if not (line := process.stdout.readline()):
            raise SystemExit("An answering process has ended; what it said stands above.")
        found[i] = json.loads(line)
    return [found[0], found[1]]


def _said(what: str, pairs: Sequence[tuple[float, float]]) -> str:
    if len(pairs) < 2:
        return f"{what:13} too few answers have it"
    low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    verdict = "" if middle <= MOST else f", more than {MOST}"
    return f"{what:13} {middle:.2f} ({low:.2f} to {high:.2f}){verdict}; medians {ours:.3f} s and {theirs:.3f} s, n = {len(pairs)}"


if __name__ == "__main__":
    main()
