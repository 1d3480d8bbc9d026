"""How saving holds with many readers: a real server over HTTP, one reader and then fifty, 40 saves each.

    python -m tests.bench.many_readers

Prints the 95th percentile of a save and the saves a second, for one reader and for many, and their ratios: times on a shared
machine say little, ratios say how it holds.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "trials")]

from lives import OverHttp, Saver, Server  # noqa: E402

READERS, SAVES = 50, 40


def measured(server: Server, readers: int) -> tuple[float, float]:
    """(seconds of a save at the 95th percentile, saves a second); every save is acknowledged."""
    first = OverHttp(server).fresh()
    shas = [first.upload(f"{readers}-{n}.png", f"#{n:02x}{readers:02x}20") for n in range(readers)]
    people = [Saver(OverHttp(server), sha, f"r{n}") for n, sha in enumerate(shas)]
    threads, begun = [threading.Thread(target=p.work, args=(SAVES,)) for p in people], time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - begun
    assert all(len(person.told) == SAVES for person in people)
    times = sorted(seconds for person in people for seconds in person.seconds)
    return times[int(0.95 * len(times))], readers * SAVES / taken


def main() -> None:
    with TemporaryDirectory() as folder:
        server = Server(Path(folder) / "home")
        server.start()
        one, alone = measured(server, 1)
        many, together = measured(server, READERS)
        server.close()
    print(f"1 reader: p95 {one:.2f} s, {alone:.1f} saves/s; {READERS} readers: p95 {many:.2f} s, {together:.1f} saves/s")
    print(f"ratio of p95 {many / one:.1f}, of saves a second {together / alone:.2f}; {READERS * SAVES} acknowledged, 0 lost")


if __name__ == "__main__":
    main()
