"""What long work takes of memory at its highest, as the store grows: `python -m tests.bench.memory [--sizes 1000 10000]`.

Every image has an answer with ten marks, and three of four have a review, as in `tests.bench.scale`. Each piece of work runs in
a process of its own. Its memory is what the process has at its highest beyond what it had before, in MB, as the system counts
it. An import reads the COCO file that the export wrote, with images of 8 x 8 pixels, into an empty store; `--import-size` of
them at most.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from sqlalchemy import insert

from pdc.formats.exporting import prepared
from pdc.formats.importing import import_file
from pdc.formats.outgoing.counts import write_counts
from pdc.formats.outgoing.zips import zipped
from pdc.formats.registry import FORMATS
from pdc.images.intake import ImageFiles
from pdc.store import Store
from pdc.training.dataset_export import export_training_set
from tests.bench.scale import _values, rows

EXPORTS = (*FORMATS, "counts")


def fill(home: Path, n: int) -> None:
    """A store of `n` images, past the record: that would take longer than what is measured."""
    store, made = Store.open(_url(home)), rows(n)
    while chunk := list(islice(made, 2000)):
        with store._engine.begin() as connection:
            for column in zip(*chunk, strict=True):
                if some := [row for row in column if row is not None]:
                    connection.execute(insert(type(some[0])), [_values(row) for row in some])
    _place_files(home, store)
    store.close()


def _place_files(home: Path, store: Store) -> None:
    """All images share one file's bytes."""
    (home / "images").mkdir()
    (home / "one.png").write_bytes(b"the bytes of an image")
    for image in store.each_image():
        (home / "images" / f"{image.sha256}.png").symlink_to(home / "one.png")


def _url(home: Path) -> str:
    return f"sqlite:///{home}/pdc.sqlite"


def export(home: Path, format: str) -> None:
    """As a download: the zip and its report."""
    store = Store.open(_url(home))
    if format == "counts":
        write_counts(store, home / "counts.csv")
        return
    planned = prepared(store, ImageFiles(home / "images"), format)
    for _ in zipped(planned.entries()):
        pass
    planned.report().told(home)


def imported(home: Path, _: str) -> None:
    """The COCO file of `home`."""
    with tempfile.TemporaryDirectory() as folder:
        import_file(Store.open(_url(Path(folder))), ImageFiles(Path(folder) / "images"), home / "coco", "bench").told()


def training(home: Path, _: str) -> None:
    """The training set; damaged images are what they are here, so that none is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        export_training_set(Store.open(_url(home)), ImageFiles(home / "images"), Path(folder))


WORK: dict[str, Callable[[Path, str], None]] = {"export": export, "import": imported, "training": training}


def cost(work: str, home: Path, format: str = "") -> tuple[float, float]:
    """Megabytes and processor seconds of a process of its own."""
    words = [sys.executable, "-m", "tests.bench.memory", "--work", work, "--home", str(home), "--format", format]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["mb"], found["seconds"]


def _do(work: str, home: Path, format: str) -> None:
    Store.open("sqlite://").close()  # what any work loads
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    WORK[work](home, format)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"mb": more / 1024, "seconds": time.process_time() - began}))


def table(sizes: Sequence[int], found: dict[str, list[tuple[float, float]]]) -> str:
    """Megabytes at each size with the ratio to the first, and seconds."""
    lines = ["| | " + " | ".join(f"{n:,} images" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name, costs in found.items():
        first = costs[0][0] or 1.0
        lines.append(f"| {name} | " + " | ".join(f"{mb:.0f} MB ({mb / first:.1f}), {s:.1f} s" for mb, s in costs) + " |")
    return "\n".join(lines)


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    top.add_argument("--formats", nargs="+", default=list(EXPORTS), choices=EXPORTS)
    top.add_argument("--work", choices=list(WORK), help="only this, in this process")
    top.add_argument("--home", type=Path)
    top.add_argument("--format", default="")
    told = top.parse_args()
    if told.work:
        _do(told.work, told.home, told.format)
        return
    found: dict[str, list[tuple[float, float]]] = {f"export {format}": [] for format in told.formats}
    for n in told.sizes:
        with tempfile.TemporaryDirectory() as folder:
            fill(home := Path(folder), n)
            for format in told.formats:
                found[f"export {format}"].append(cost("export", home, format))
    print(table(told.sizes, found))


if __name__ == "__main__":
    main()
