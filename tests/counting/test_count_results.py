"""From counted fields to numbers with a unit, and a verdict on the count."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from pdc.counting import units
from pdc.counting.area import whole_image
from pdc.counting.protocol import parse_protocol, read_protocols
from pdc.counting.reader_error import reader_error
from pdc.counting.results import missing_fields, work_out
from pdc.counting.tally import FieldCount, Replicate, Sample, count_field
from pdc.counting.units import BadUnit, in_unit, quantity, ucum
from pdc.counting.verdict import Verdict, judge, worst
from pdc.domain.values import Box, Mark, Status
from pdc.settings import ASSETS

SHIPPED = read_protocols(ASSETS / "protocols")
NEUBAUER = "improved Neubauer, centre grid"


def sperm(*counts: int, squares: int = 10, filled: dict | None = None) -> Sample:
    fields = [FieldCount(f"field {i}", {"sperm": n}, squares=squares) for i, n in enumerate(counts)]
    given = {"dilution factor": 2, "ejaculate volume": 3.0} if filled is None else filled
    return Sample(tuple(Replicate((f,)) for f in fields), given, NEUBAUER)


def verdicts(name: str, sample: Sample) -> dict[str, Verdict]:
    """The worst that each rule says."""
    protocol = SHIPPED[name]
    found = judge(protocol, sample, work_out(protocol, sample))
    return {rule: worst([o for o in found if o.rule == rule]) for rule in dict.fromkeys(o.rule for o in found)}


def test_a_sperm_concentration_with_its_interval_and_verdict():
    concentration, total = work_out(SHIPPED["sperm-concentration"], sperm(201, 211))
    assert (concentration.k, concentration.value, concentration.unit) == (412, 10.3, "10^6/mL")  # 412 / 80 nL x 2
    assert concentration.low == pytest.approx(9.33, abs=0.01) and concentration.high == pytest.approx(11.3, abs=0.05)
    assert concentration.formula == "(201 + 211) / 0.08 uL x 2 (dilution factor) = 10.3 10^6/mL"
    assert total.value == 30.9
    assert verdicts("sperm-concentration", sperm(201, 211)) == dict.fromkeys(("target", "agreement", "power"), Verdict.VALID)


@pytest.mark.parametrize(
    ("sample", "rule", "verdict"),
    [
        (sperm(150, 160), "target", Verdict.ESTIMATED),
        (sperm(201), "replicates", Verdict.ESTIMATED),
        (sperm(201, 290), "agreement", Verdict.REPEAT),
        (sperm(201, 211, squares=7), "unfinished grid", Verdict.REPEAT),
    ],
)
def test_each_planted_fault_is_found(sample, rule, verdict):
    found = verdicts("sperm-concentration", sample)
    assert found[rule] is verdict
    assert worst(judge(SHIPPED["sperm-concentration"], sample, ())) is verdict


def test_faults_of_a_field_are_found():
    good = FieldCount("good", {"live": 90, "dead": 10}, squares=5)
    bad = replace(good, name="bad", complete=False, noted=frozenset({"clumps"}), doubtful=3)
    sample = Sample((Replicate((good,)), Replicate((bad,))), {"dilution factor": 2}, "improved Neubauer, large squares")
    found = verdicts("haemocytometer", sample)
    assert found["unfinished field"] is Verdict.REPEAT and found["clumps"] is Verdict.REPEAT
    assert found["doubtful marks"] is Verdict.ESTIMATED


def test_without_a_chamber_there_is_no_number():
    lines = work_out(SHIPPED["sperm-concentration"], replace(sperm(201, 211), chamber=None))
    assert all(line.value is None and "chamber" in str(line.missing) for line in lines)


def test_without_a_dilution_there_is_no_number_and_the_sheet_says_so():
    sample = sperm(201, 211, filled={})
    assert all(line.value is None for line in work_out(SHIPPED["sperm-concentration"], sample))
    assert missing_fields(SHIPPED["sperm-concentration"], sample) == ["dilution factor", "ejaculate volume"]


def test_none_found_is_an_upper_limit_and_never_none():
    concentration = work_out(SHIPPED["sperm-concentration"], sperm(0, 0))[0]
    assert concentration.below and concentration.value == pytest.approx(3.69 / 0.08 * 2 / 1000, rel=0.01)


def test_an_assumed_number_is_named():
    fields = tuple(FieldCount(f"f{i}", {"parasite": 1, "white cell": 50}) for i in range(4))
    line = work_out(SHIPPED["parasites-per-white-cell"], Sample((Replicate(fields),)))[0]
    assert line.value == 160 and line.assumed == ("white cells per microlitre",)
    measured = work_out(SHIPPED["parasites-per-white-cell"], Sample((Replicate(fields),), {"white cells per microlitre": 5000}))[
        0
    ]
    assert measured.value == 100 and not measured.assumed


def test_platelets_by_field_come_out_per_litre():
    fields = tuple(FieldCount(f"f{i}", {"platelet": 12}) for i in range(10))
    assert work_out(SHIPPED["platelets-on-film"], Sample((Replicate(fields),), {}))[0].value == 240


def test_a_differential_counts_nucleated_red_cells_outside_the_hundred():
    counted = {"neutrophil": 60, "lymphocyte": 35, "monocyte": 5, "nucleated red cell": 7}
    lines = {x.name: x for x in work_out(SHIPPED["blood-differential"], Sample((Replicate((FieldCount("f", counted),)),)))}
    assert [lines[n].value for n in ("neutrophil", "lymphocyte", "monocyte")] == [60, 35, 5]
    assert lines["nucleated red cells per 100 white cells"].value == 7
    assert lines["basophil"].value == 0 and lines["basophil"].high == 4


@pytest.mark.parametrize(
    ("nucleated", "value", "limits"), [(4, 12.0, (12.0, 12.0)), (5, 11.4, (10.7, 11.8)), (25, 9.6, (8.6, 10.4))]
)
def test_a_white_count_is_corrected_from_five_nucleated_red_cells_per_hundred_on(nucleated, value, limits):
    counted = {"neutrophil": 60, "lymphocyte": 40, "nucleated red cell": nucleated}
    sample = Sample((Replicate((FieldCount("f", counted),)),), {"white cells by the analyser": 12.0})
    line = work_out(SHIPPED["blood-differential"], sample)[-1]
    assert (line.unit, line.value) == ("10^9/L", value)  # 12 x 100 / (100 + n)
    assert (line.low, line.high) == limits
    assert ("not corrected" in line.formula) is (nucleated < 5)


def test_a_white_count_that_nobody_filled_in_is_neither_corrected_nor_missed():
    sample = Sample((Replicate((FieldCount("f", {"neutrophil": 100}),)),))
    assert [line.unit for line in work_out(SHIPPED["blood-differential"], sample)] == ["%"] * 7 + ["1"]
    assert verdicts("blood-differential", sample) == {"target": Verdict.VALID}


def test_colonies_are_worked_out_by_the_rules_for_plates():
    fields = tuple(
        FieldCount(f"p{i}", {"colony": n}, filled={"dilution of the plate": d})
        for i, (n, d) in enumerate([(232, 0.01), (244, 0.01), (33, 0.001), (28, 0.001)])
    )
    assert work_out(SHIPPED["colonies-bam"], Sample((Replicate(fields),)))[0].value == 24_000


def test_marks_become_the_numbers_of_a_field_and_those_on_the_line_stay_apart():
    protocol = SHIPPED["sperm-concentration"]
    boxes = [Box(10, 10, 20, 20), Box(95, 10, 100, 20), Box(0, 5, 4, 9)]
    marks = [Mark(str(i), box, "sperm") for i, box in enumerate(boxes)]
    marks += [Mark("d", Box(50, 50, 60, 60), "sperm", status=Status.DOUBTFUL), Mark("o", Box(50, 50, 60, 60), "debris")]
    field = count_field(protocol, "f", marks, whole_image(100, 100))
    assert (field.counted, field.left_out, field.doubtful, field.unclassed) == ({"sperm": 2}, {"sperm": 1}, 1, 1)


def test_a_unit_of_another_kind_is_refused():
    with pytest.raises(BadUnit, match="cannot come from"):
        in_unit(quantity(1) / quantity(2, "mm**2"), "10^6/mL")
    assert in_unit(quantity(412) / quantity(40, "nL") * 2, "10^6/mL") == pytest.approx(20.6)
    assert in_unit(quantity(5000) / quantity(1, "uL"), "10^9/L") == pytest.approx(5) and ucum("10^9/L") == "10*9/L"


def test_a_protocol_with_the_wrong_unit_for_its_area_says_so():
    text = SHIPPED["sperm-concentration"].model_dump_json().replace('"unit":"10^6"', '"unit":"/mm2"')
    protocol = parse_protocol(text, "wrong.json")
    with pytest.raises(BadUnit):
        work_out(protocol, sperm(201, 211))


def test_the_readers_error_stands_beside_chance():
    pairs = [(50, 55), (48, 50), (60, 60), (40, 46), (52, 54), (30, 31)]
    found = reader_error(pairs, 10, 500)
    assert found is not None and found.n == 6
    assert found.bias == pytest.approx(100 * 16 / 296, abs=0.01) and 5 < found.spread < 7
    assert reader_error(pairs[:4], 10, 500) is None and reader_error(pairs, 10, 0) is None


def test_threads_that_ask_at_once_for_the_first_time_get_one_registry_of_units():
    units._registry.cache_clear()
    together = Barrier(4)

    def asked() -> object:
        together.wait()
        return units.registry()

    with ThreadPoolExecutor(4) as threads:
        found = [future.result() for future in [threads.submit(asked) for _ in range(4)]]
    assert all(one is found[0] for one in found)
