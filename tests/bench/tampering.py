"""How many changes through a raw connection the check of the record finds, how many untouched copies it blames, and how fast.

python -m tests.bench.tampering --attacks 1000 --untouched 100
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from full_store import full_store
from record_attacks import attack

from pdc.store.audit.anchor import Head, anchored
from pdc.store.audit.keys import Keys, keys_in
from pdc.store.audit.verifying import check


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--attacks", type=int, default=1000)
    asked.add_argument("--untouched", type=int, default=100)
    asked.add_argument("--rows", type=int, default=20, help="of each table")
    options = asked.parse_args()
    with TemporaryDirectory() as folder:
        whole = full_store(Path(folder), options.rows)
        measure(whole, options.attacks, options.untouched)


def measure(whole: Path, attacks: int, untouched: int) -> None:
    """Print what was found of so many attacks, each on a copy of its own."""
    keys, known, copy = keys_in(whole.with_name("record.key")), anchored(whole.with_suffix(".anchor")), whole.with_name("copy")
    assert known is not None
    print(f"{known.n} links")
    started, found, missed = time.process_time(), Counter[str](), list[tuple[str, int]]()
    for seed in range(attacks):
        shutil.copyfile(whole, copy)
        name = attack(copy, seed)
        if _blamed(copy, keys, known):
            found[name] += 1
        else:
            missed.append((name, seed))
    blamed = 0
    for _ in range(untouched):
        shutil.copyfile(whole, copy)
        blamed += _blamed(copy, keys, known)
    print(f"found {found.total()} of {attacks}; missed {missed}")
    print(f"blamed {blamed} of {untouched} copies that nobody touched")
    print(", ".join(f"{name} {n}" for name, n in sorted(found.items())))
    print(f"{time.process_time() - started:.0f} s of processor time")


def _blamed(path: Path, keys: Keys, known: Head) -> bool:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        fault = check(connection, keys, [known]).fault
    engine.dispose()
    return fault is not None


if __name__ == "__main__":
    main()
