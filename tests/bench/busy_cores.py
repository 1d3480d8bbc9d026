"""`python -m tests.bench.busy_cores --data FOLDER`: how long an answer takes beside two busy loops, by how threads wait.

Runs `python -m pdc predict` on the same images with the policy PDC sets and with OpenMP's own, in turn. Two processes that
only count keep two cores busy meanwhile; 0 loops measure the idle machine. Read the ratio of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAYS = {"as PDC sets it": None, "OpenMP's own": ""}  # an empty value stands for none: libgomp says so and goes on


def main() -> None:
    options = _options()
    images = sorted(p for p in options.data.rglob("*") if p.suffix in (".png", ".jpg"))[: options.images]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    with _busy(options.loops):
        for _ in range(options.rounds):
            for way, policy in WAYS.items():
                seconds[way] += _answers(images, policy)[1:]  # the first one waits for the model to load
    medians = {way: statistics.median(s) for way, s in seconds.items()}
    for way, s in seconds.items():
        print(f"{way:15} median {medians[way]:.3f} s, {min(s):.3f} to {max(s):.3f} ({len(s)} answers)")
    ours, theirs = medians.values()
    print(f"OpenMP's own / as PDC sets it: {theirs / ours:.1f}, beside {options.loops} busy loops")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with images")
    parser.add_argument("--images", type=int, default=9, help="images a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--loops", type=int, default=2, help="busy processes beside it (default: %(default)s)")
    return parser.parse_args()


@contextmanager
def _busy(loops: int) -> Iterator[None]:
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _answers(images: list[Path], policy: str | None) -> list[float]:
    """Seconds of each answer by one run of the command line."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    environment |= {} if policy is None else {"OMP_WAIT_POLICY": policy}
    command = [sys.executable, "-m", "pdc", "predict", "--json", "--label", "polyp", *map(str, images)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return [json.loads(line)["seconds"] for line in done.stdout.splitlines()]


if __name__ == "__main__":
    main()
