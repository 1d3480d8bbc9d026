"""What the record adds to a save: the same reviews into a store with its chain and into one without, turn by turn.

python -m tests.bench.record_save --saves 300
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from store_values import a_review, an_image

from pdc.store import Store

WARMING = 20  # saves that are not counted


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--saves", type=int, default=300)
    saves = asked.parse_args().saves
    with TemporaryDirectory() as folder:
        stores = {name: _store(Path(folder) / name) for name in ("with the record", "without")}
        stores["without"]._chain.append = lambda connection, entries: None  # type: ignore[method-assign]
        took: dict[str, list[float]] = {name: [] for name in stores}
        for n in range(WARMING + saves):
            for name, store in stores.items():
                started = time.perf_counter()
                store.save_review(replace(a_review(), id=f"{name} {n}"), key=f"{name} {n}", base_revision=n)
                took[name].append(1000 * (time.perf_counter() - started))
    for name, times in took.items():
        print(f"{name}: median {median(times[WARMING:]):.2f} ms a save")


def _store(folder: Path) -> Store:
    folder.mkdir()
    store = Store.open(f"sqlite:///{folder / 'pdc.sqlite3'}")
    store.add_image(an_image())
    return store


if __name__ == "__main__":
    main()
