"""The report of agreement as CSV: a line a number, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

from several_readers import ASK, found

from pdc.domain.agreement.rows import Kind
from pdc.formats.outgoing.agreement import ALL, HEAD, csv_text
from pdc.review.agreement.compare import Case, Comparison


def test_every_measure_is_a_line_with_its_interval_or_why_there_is_none():
    reads = {"=bob": found((0, "cell"), (50, "=platelet")), "eve": found((1, "cell"))}
    comparison = Comparison(Kind.INTER, ("=bob", "eve"), (Case("a.png", "p", ASK, reads),))
    text = csv_text(comparison.rows())
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert tuple(rows[0]) == HEAD
    told = {(r["label"], r["measure"]): r for r in rows}
    assert told[ALL, "f1"] | {"value": "0.666667", "low": "", "images": "1", "n": "3"} == told[ALL, "f1"]
    assert told[ALL, "kappa"]["note"] == "Only one label was used, so labels could not differ."
    assert told["'=platelet", "bias"]["value"] == "1"
    assert {r["readers"] for r in rows} == {"'=bob; eve"}
