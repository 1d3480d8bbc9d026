"""What long work takes of memory at its highest, as the store grows: `python -m tests.bench.memory [--sizes 1000 10000]`.

Every image has an answer with ten marks, and three of four have a review, as in `tests.bench.scale`. Each piece of work runs in
a process of its own. Its memory is what the process has at its highest beyond what it had before, in MB, as the system counts
it. `read coco` reads a COCO file with ten outlined marks an image, as an import does before it opens the images.
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
from pathlib import Path
from random import Random

from pdc.formats.exporting import prepared
from pdc.formats.outgoing.counts import write_counts
from pdc.formats.outgoing.zips import zipped
from pdc.formats.registry import FORMATS, read
from pdc.images.intake import ImageFiles
from pdc.store import Store
from tests.bench.scale import fill

EXPORTS = (*FORMATS, "counts")


def filled(home: Path, n: int) -> None:
    """A store of `n` images."""
    store = Store.open(_url(home))
    fill(store, n)
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


def write_coco(home: Path, n: int) -> None:
    """A COCO file as other tools write it, the annotations of an image far apart."""
    random = Random(1)
    with (home / "coco.json").open("w", encoding="utf-8") as file:
        file.write('{"images": [')
        for i in range(n):
            image = {"id": i, "file_name": f"images/{i:07}.png", "width": 640, "height": 480}
            file.write(f"{',' if i else ''}{json.dumps(image)}")
        file.write('], "annotations": [')
        for k in range(10 * n):
            x, y = random.uniform(0, 600), random.uniform(0, 440)
            outline = [[x, y, x + 30, y, x + 30, y + 30, x, y + 30]]
            about = {"id": k, "image_id": k % n, "category_id": k % 3, "bbox": [x, y, 30, 30], "segmentation": outline}
            file.write(f"{',' if k else ''}{json.dumps(about)}")
        file.write(f'], "categories": {json.dumps([{"id": c, "name": f"cell {c}"} for c in range(3)])}}}')


def read_coco(home: Path, _: str) -> None:
    read(home / "coco.json")


WORK: dict[str, Callable[[Path, str], None]] = {"export": export, "read": read_coco}


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
            filled(home := Path(folder), n)
            write_coco(home, n)
            for format in told.formats:
                found[f"export {format}"].append(cost("export", home, format))
            found.setdefault("read coco", []).append(cost("read", home))
    print(table(told.sizes, found))


if __name__ == "__main__":
    main()
