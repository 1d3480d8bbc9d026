"""The page of what was counted twice: replicates of signed samples, and images given to a reader again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counted import Bench, sperm
from desk import who
from several_readers import ASK, found, read_by, save_read

from pdc.domain.values import Image
from pdc.review.agreement.reports import Reports
from pdc.review.counting.measures.twice import ReadTwice
from pdc.review.reading.reads import Reads
from pdc.web.ui.agreement.tab import AgreementTab

ROW = {"squares": 5}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


def texts(node: Any) -> str:
    return "\n".join(map(texts, node[2:])) if isinstance(node, list) else str(node)


def count(node: Any, cls: str, kind: str = "") -> int:
    if not isinstance(node, list):
        return 0
    own = cls in node[1].get("class", "").split() and (not kind or node[1].get("data-kind") == kind)
    return own + sum(count(child, cls, kind) for child in node[2:])


def signed(bench: Bench, code: str, first: int, second: int, sign: bool = True) -> None:
    """A sample of one field a side, the second read by another reader."""
    sides = [f"{code} a", f"{code} b"]
    for side in sides:
        bench.side(side, 1)
    id = bench.counts.start("sperm-concentration", code, sides, reader="ada").id
    bench.counts.set_area(id, None, ROW, "ada")
    for place, n, reader in zip(bench.counts.fields(id), (first, second), ("ada", "bob"), strict=True):
        bench.read(place.sha256, sperm(n), reader)
    for name, value in {"dilution factor": 2, "ejaculate volume": 3}.items():
        bench.counts.fill(id, name, value, reader="ada")
    if sign:
        bench.counts.sign(id, "final", "ada")


def shown(bench: Bench, user: str, boss: bool = False) -> Any:
    reports = Reports(Reads(bench.store), lambda user: boss)
    return AgreementTab(reports, ReadTwice(bench.counts, reports)).show(who(user))[2]


def test_a_second_reader_who_counts_more_is_shown_with_a_bias_and_on_the_chart(bench: Bench):
    rng = np.random.default_rng(8)
    for i, (a, b) in enumerate(zip(rng.poisson(205, 7).tolist(), rng.poisson(290, 7).tolist(), strict=True)):
        signed(bench, f"S-{i}", a, b)
    page = shown(bench, "bob")
    said = texts(page)
    assert "ada – bob" in said and "more than chance explains" in said and "7 of 7" in said
    assert count(page, "pdc-plot") == 2 and count(page, "pdc-dot", "wrong") >= 5
    assert "ada – bob" in texts(shown(bench, "boss", boss=True)) and "ada – bob" not in texts(shown(bench, "eve"))


def test_a_sample_that_is_not_signed_shows_nothing_of_its_first_replicate(bench: Bench):
    signed(bench, "S-1", 210, 220, sign=False)
    assert "ada – bob" not in texts(shown(bench, "bob")) and "Replicates of signed samples" not in texts(shown(bench, "bob"))


def test_a_reader_who_drifts_is_seen_where_the_same_images_were_read_again(bench: Bench):
    many = [found(*((30.0 * i, "cell") for i in range(n))) for n in (10, 11, 12, 10, 11, 12, 10, 11, 12, 10)]
    more = [found(*((30.0 * i, "cell") for i in range(n))) for n in (12, 13, 15, 12, 14, 15, 12, 13, 14, 12)]
    images: list[Image] = [bench.image(f"{i}.png", "again") for i in range(len(many))]
    for image, first in zip(images, many, strict=True):
        read_by(bench.store, image.sha256, {"ada": first, "bob": first})
    Reads(bench.store).repeat([image.sha256 for image in images], ASK, "boss")
    for image, later in zip(images, more, strict=True):
        save_read(bench.store, image.sha256, "ada", later, turn=2)
    page = shown(bench, "boss", boss=True)
    assert "ada – ada" in texts(page) and "more than chance explains" in texts(page)
    assert count(page, "pdc-dot", "wrong") >= 1  # ten in a row on one side
