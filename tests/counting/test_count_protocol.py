"""Protocol files: read whole, or refused with the place that is wrong."""

import json

import pytest

from pdc.counting.protocol import BadProtocol, parse_protocol, read_protocols
from pdc.settings import ASSETS

SMALL = {
    "name": "small", "version": 1, "title": "Small", "classes": [{"name": "cell", "labels": ["red blood cell"]}],
    "target": {"of": ["cell"], "least": 10}, "results": [{"name": "cells", "kind": "density", "of": ["cell"], "unit": "/mm2"}],
}  # fmt: skip
WRONG = [
    ({"border": {"out": ["left", "right"]}}, "two sides that meet"),
    ({"area": {"kind": "chamber", "chamber": "Thoma"}}, "no chamber 'Thoma'"),
    ({"target": {"of": ["cel"], "least": 10}}, "'cel' is no class"),
    ({"target": {"of": ["cell"], "leest": 10}}, "Field required"),
    ({"results": [{"name": "x", "kind": "density", "of": ["cell"], "unit": "/m2"}]}, "unit '/m2' is not known"),
    ({"results": [{"name": "x", "kind": "share", "of": ["cell"]}]}, "needs `among`"),
    ({"results": [{"name": "x", "kind": "mean", "of": ["cell"], "times": ["factor"]}]}, "'factor', which is no number"),
    ({"classes": [{"name": "cell"}, {"name": "cell"}]}, "the class 'cell' is there twice"),
]


def test_every_protocol_that_ships_can_be_read_and_names_its_sources():
    shipped = read_protocols(ASSETS / "protocols")
    assert len(shipped) >= 8
    for protocol in shipped.values():
        unseen = {s.about for s in protocol.sources if s.seen != "seen"}
        assert protocol.sources and unseen <= set(protocol.set_by_lab), protocol.name


def test_every_number_of_a_shipped_protocol_was_seen_in_a_named_text_or_is_set_by_the_lab():
    for protocol in read_protocols(ASSETS / "protocols").values():
        vouched = {s.about for s in protocol.sources if s.seen == "seen"} | set(protocol.set_by_lab)
        vouched |= {"target", "rounding"} if "rules" in vouched else set()  # one named text gives all of them
        needed = {"target", "border"}
        needed |= {"replicates"} if protocol.replicates.number > 1 else set()
        needed |= {"rounding"} if any(r.figures or r.decimals is not None for r in protocol.results) else set()
        needed |= {n.name for n in protocol.noted}
        needed |= {"hot spot"} if "hot spot" in protocol.fields else set()
        assert needed <= vouched, (protocol.name, needed - vouched)


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_a_wrong_protocol_is_refused_with_its_place(change, said):
    with pytest.raises(BadProtocol, match=said):
        parse_protocol(json.dumps(SMALL | change), "small.json")


def test_a_misspelled_rule_is_not_passed_over():
    with pytest.raises(BadProtocol, match=r"bordr.*not permitted"):
        parse_protocol(json.dumps(SMALL | {"bordr": {}}), "small.json")


def test_the_digest_changes_with_any_rule():
    one, other = (parse_protocol(json.dumps(SMALL | {"target": {"of": ["cell"], "least": n}}), "small.json") for n in (10, 11))
    assert one.digest != other.digest
    assert parse_protocol(json.dumps(SMALL), "again.json").digest == one.digest


def test_two_files_of_one_name_are_refused(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(SMALL))
    with pytest.raises(BadProtocol, match="Two protocol files are named small"):
        read_protocols(tmp_path)
