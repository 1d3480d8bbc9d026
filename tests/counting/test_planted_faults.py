"""Each kind of fault, planted in a sample, is found and named; samples without one are not blamed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pdc.counting.fair_fields import Way
from pdc.counting.progress import progress
from pdc.counting.protocol import BadProtocol, parse_protocol, read_protocols
from pdc.counting.results import work_out
from pdc.counting.tally import FieldCount, Proposed, Replicate, Sample
from pdc.counting.verdict import Verdict, judge, worst
from pdc.settings import ASSETS

SHIPPED = read_protocols(ASSETS / "protocols")
NEUBAUER, LARGE = "improved Neubauer, centre grid", "improved Neubauer, large squares"
GIVEN = {"dilution factor": 2, "ejaculate volume": 3.0}


def replicate(*counts: int, squares: int = 10, at: str = "a", cls: str = "sperm", **known) -> Replicate:
    fields = [FieldCount(f"{at}{i}", {cls: n}, squares=squares, image=f"{at}{i}", **known) for i, n in enumerate(counts)]
    return Replicate(tuple(fields))


def sperm(first: Replicate | None = None, second: Replicate | None = None, **known) -> Sample:
    pair = first or replicate(101, 100), second or replicate(106, 105, at="b")
    return Sample(pair, GIVEN, NEUBAUER, **{"way": Way.ALL, **known})


def plates(*rows: tuple[int, float]) -> Sample:
    given = [{"dilution of the plate": 0.01, "spreaders": spread} for _, spread in rows]
    fields = [FieldCount(f"p{i}", {"colony": n}, filled=given[i]) for i, (n, _) in enumerate(rows)]
    return Sample((Replicate(tuple(fields)),))


def cells(*, filled: dict | None = None, fields: int = 4, **counted: int) -> Sample:
    given = [FieldCount(f"f{i}", {n.replace("_", " "): k for n, k in counted.items()}) for i in range(fields)]
    return Sample((Replicate(tuple(given)),), filled or {})


def first_field(sample: Sample, **known) -> Sample:
    one, *rest = sample.replicates
    changed = Replicate((replace(one.fields[0], **known), *one.fields[1:]))
    return replace(sample, replicates=(changed, *rest))


MODEL = Proposed("pdc-tiny", {"sperm": 100})
GOOD_KI = {"positive": 40, "negative": 90}
HAEM = Sample((replicate(60, cls="live", squares=5), replicate(62, cls="live", squares=5, at="b")), {"dilution factor": 2}, LARGE)
FAULTS = {
    "replicates disagree": ("sperm-concentration", sperm(second=replicate(150, 150, at="b")), "agreement", "repeat"),
    "one replicate only": ("sperm-concentration", Sample((replicate(201),), GIVEN, NEUBAUER), "replicates", "estimated"),
    "replicates of unlike size": (
        "sperm-concentration", sperm(second=replicate(106, 105, 110, squares=5, at="b")), "unequal replicates", "estimated",
    ),
    "target missed": ("sperm-concentration", sperm(replicate(80, 80), replicate(70, 75, at="b")), "target", "estimated"),
    "too many": ("haemocytometer", replace(HAEM, replicates=(replicate(460, cls="live", squares=5),)), "too many", "repeat"),
    "unfinished row": ("sperm-concentration", sperm(replicate(101, 100, squares=7)), "unfinished grid", "repeat"),
    "clumps": ("haemocytometer", first_field(HAEM, noted=frozenset({"clumps"})), "clumps", "repeat"),
    "all plates under spreaders": ("colonies-bam", plates((100, 0.3), (90, 0.4)), "aerobic plate count", "repeat"),
    "a plate under spreaders": ("colonies-bam", plates((100, 0.3), (90, 0.1)), "spreaders", "valid"),
    "few colonies": ("colonies-bam", plates((12, 0.0), (9, 0.0)), "aerobic plate count", "estimated"),
    "too many colonies": ("colonies-bam", plates((900, 0.0), (300, 0.0)), "aerobic plate count", "estimated"),
    "a field not finished": ("sperm-concentration", first_field(sperm(), complete=False), "unfinished field", "repeat"),
    "marks in doubt": ("sperm-concentration", first_field(sperm(), doubtful=3), "doubtful marks", "estimated"),
    "no squares": ("sperm-concentration", first_field(sperm(), squares=None), "concentration", "estimated"),
    "no dilution": ("sperm-concentration", replace(sperm(), filled={}), "concentration", "estimated"),
    "fields chosen by doubt": ("sperm-concentration", sperm(way=Way.BY_DOUBT), "choice of fields", "repeat"),
    "fields named by the reader": ("sperm-concentration", sperm(way=Way.NAMED), "choice of fields", "estimated"),
    "one picture in both replicates": (
        "sperm-concentration", sperm(second=replicate(101, 100)), "same picture", "repeat",
    ),
    "one picture twice": ("sperm-concentration", first_field(sperm(), image="a1"), "same picture", "repeat"),
    "a copy under another name": ("sperm-concentration", sperm(copies=(("a0", "b1"),)), "same picture", "estimated"),
    "replicate 2 with the model in sight": (
        "sperm-concentration", sperm(second=replicate(106, 105, at="b", proposed=MODEL)), "model in sight", "estimated",
    ),
    "controls failed": ("ki-67-global", cells(filled={"controls": "failed"}, **GOOD_KI), "controls", "repeat"),
    "too few fields": ("ki-67-global", cells(fields=3, positive=100, negative=90), "fields", "estimated"),
    "few parasites of few cells": (
        "parasites-per-white-cell", cells(parasite=5, white_cell=60), "target", "estimated",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault):
    name, sample, rule, verdict = FAULTS[fault]
    found = [o for o in judge(SHIPPED[name], sample, work_out(SHIPPED[name], sample)) if o.rule == rule]
    assert worst(found) == verdict and found and (verdict == "valid" or str(found[0].said).endswith("."))


def test_samples_without_the_fault_show_none_of_its_rules():
    good = {
        "sperm-concentration": sperm(),
        "haemocytometer": HAEM,
        "colonies-bam": plates((100, 0.0), (90, 0.1)),
        "ki-67-global": cells(filled={"controls": "as expected", "antibody clone and lot": "MIB-1"}, **GOOD_KI),
        "parasites-per-white-cell": cells(parasite=30, white_cell=60),
    }
    for name, sample in good.items():
        judged = judge(SHIPPED[name], sample, work_out(SHIPPED[name], sample))
        assert worst(judged) is Verdict.VALID, (name, [str(o.said) for o in judged])


def test_a_thousand_honest_samples_are_only_sent_back_as_often_as_the_test_of_two_counts_says():
    """Every replicate of the same squares and of one truth: nothing but the 95 % test of agreement may say "repeat"."""
    rng, sent_back = np.random.default_rng(19), 0
    for mean in rng.uniform(220, 500, 1000):
        counts = rng.poisson(mean / 2, (2, 2)).tolist()
        sample = sperm(replicate(*counts[0]), replicate(*counts[1], at="b"))
        found = [o for o in judge(SHIPPED["sperm-concentration"], sample, ()) if o.verdict is Verdict.REPEAT]
        assert {o.rule for o in found} <= {"agreement"}
        sent_back += bool(found)
    assert 30 <= sent_back <= 70  # 5 % of 1,000 +- 3 standard deviations


def test_three_honest_replicates_are_sent_back_no_more_often_than_two():
    protocol = SHIPPED["sperm-concentration"].model_copy(
        update={"replicates": SHIPPED["sperm-concentration"].replicates.model_copy(update={"number": 3})}
    )
    rng, sent_back = np.random.default_rng(7), 0
    for row in rng.poisson(250, (600, 3)).tolist():
        sample = Sample(tuple(replicate(n, at=str(i)) for i, n in enumerate(row)), GIVEN, NEUBAUER)
        sent_back += worst([o for o in judge(protocol, sample, ()) if o.rule == "agreement"]) is Verdict.REPEAT
    assert sent_back / 600 < 0.08  # by the limit of two it would be 0.12


def test_the_second_replicate_is_as_many_squares_again_whatever_is_in_them():
    fewer = sperm(replicate(108, 103), replicate(95, 99, at="b"))
    found = {str(o.said) for o in judge(SHIPPED["sperm-concentration"], fewer, ()) if o.rule == "target"}
    assert "194 counted in replicate 2, in as many squares as in replicate 1." in found
    assert worst(judge(SHIPPED["sperm-concentration"], fewer, ())) is Verdict.VALID
    assert progress(SHIPPED["sperm-concentration"], fewer).done
    half = sperm(replicate(108, 103), replicate(205, at="b"))
    assert not progress(SHIPPED["sperm-concentration"], half).done


def test_few_parasites_are_looked_for_among_five_hundred_white_cells():
    protocol = SHIPPED["parasites-per-white-cell"]
    few, more = cells(parasite=20, white_cell=60), cells(fields=9, parasite=10, white_cell=60)
    assert progress(protocol, few).least == 500 and not progress(protocol, few).done
    assert progress(protocol, more).done
    assert progress(protocol, cells(parasite=30, white_cell=60)).done


def test_enough_objects_in_too_few_fields_are_said_as_fields():
    found = progress(SHIPPED["platelets-on-film"], cells(platelet=3))
    assert str(found.said) == "4 of 10 fields: go on with the next field." and not found.done


def test_below_the_fewest_only_an_upper_limit_is_a_result():
    text = SHIPPED["sperm-concentration"].model_dump(mode="json")
    text["target"]["few"] = 25
    protocol = parse_protocol(json.dumps(text), "few.json")
    sample = sperm(replicate(6, 5), replicate(4, 6, at="b"))
    line = work_out(protocol, sample)[0]
    assert line.below and line.k == 21 and line.value == 0.312  # 25 / 160 nL x 2
    assert "too few" in {o.rule for o in judge(protocol, sample, ())}


def test_a_choice_with_which_the_count_does_not_stand_is_one_of_the_choices():
    text = SHIPPED["ki-67-global"].model_dump_json().replace('"bad":["failed"]', '"bad":["faild"]')
    with pytest.raises(BadProtocol, match="'faild' is no choice of 'controls'"):
        parse_protocol(text, "x.json")


@pytest.mark.parametrize("name", ["haemocytometer", "ki-67-global", "colonies-bam", "schistocytes", "platelets-on-film"])
def test_honest_samples_of_other_protocols_are_blamed_for_nothing_but_the_differences_of_chance(name):
    """25 samples a protocol, in the haemocytometer of two replicates: no rule of a fault that was not planted."""
    protocol, rng, sent_back = SHIPPED[name], np.random.default_rng(len(name)), 0
    for _ in range(25):
        if name == "haemocytometer":
            sides = [replicate(*rng.poisson(30, 4).tolist(), cls="live", squares=1, at=side) for side in "ab"]
            sample = Sample(tuple(sides), {"dilution factor": 2}, LARGE, way=Way.ALL)
        elif name == "colonies-bam":
            sample = plates(*((n, 0.1) for n in rng.integers(30, 240, 3).tolist()))
        else:
            every = {c.name.replace(" ", "_"): 1000 for c in protocol.classes}
            counted = {n: int(rng.poisson(most / 4)) for n, most in every.items()}
            given = {f.name: f.choices[0] if f.choices else "2" for f in protocol.fill_in if not f.number}
            sample = cells(fields=12, filled=given, **counted)
        judged = judge(protocol, sample, work_out(protocol, sample))
        wrong = {o.rule for o in judged if o.verdict is not Verdict.VALID}
        assert wrong <= {"agreement"}, [str(o.said) for o in judged]
        sent_back += bool(wrong)
    assert sent_back <= 5  # 5 % of 25, and chance
