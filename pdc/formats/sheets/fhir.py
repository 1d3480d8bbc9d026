"""The results as FHIR R4: a Bundle of Observations, one a result. They name the specimen by its code, and no patient."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pdc import __version__
from pdc.counting.results import Line
from pdc.counting.sheet import Sheet, SheetStatus
from pdc.counting.units import ucum
from pdc.domain.message import Message
from pdc.formats.sheets.page import NOT_MEANT, VERDICT, Say, page_of

UCUM = "http://unitsofmeasure.org"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
STATUS = {SheetStatus.DRAFT: "preliminary", SheetStatus.FINAL: "final", SheetStatus.AMENDED: "amended"}
Json = dict[str, Any]


def fhir_of(sheet: Sheet, say: Say, language: str = "en") -> Json:
    """The Bundle. An Observation's components hold the sampling interval, what was counted, and the error of reading."""
    entries = [{"resource": _observation(line, sheet, say, language)} for line in sheet.lines]
    return {"resourceType": "Bundle", "type": "collection", "timestamp": _instant(sheet.heading.made_at), "entry": entries}


def fhir_text(sheet: Sheet, say: Say, language: str = "en") -> bytes:
    return json.dumps(fhir_of(sheet, say, language), ensure_ascii=False, indent=1, allow_nan=False).encode()


def _observation(line: Line, sheet: Sheet, say: Say, language: str) -> Json:
    head, protocol = sheet.heading, sheet.protocol
    return {
        "resourceType": "Observation",
        "language": language,
        **({"identifier": [{"value": f"{head.id}/{line.name}"}]} if head.id else {}),
        "status": STATUS[head.status],
        "code": {"text": f"{protocol.title}: {line.name}"},
        **_period(sheet),
        "issued": _instant(head.made_at),
        "performer": [{"display": name} for name in dict.fromkeys(r.reader for r in sheet.sample.replicates) if name]
        or [{"display": head.author}],
        **_value(line, say),
        "note": [{"text": text} for text in _notes(sheet, say)],
        "method": {"text": f"{protocol.name}, version {protocol.version}, digest {protocol.digest}"},
        "specimen": {"type": "Specimen", "identifier": {"value": head.sample}, "display": head.sample},
        "device": {"display": "; ".join([f"PDC {__version__}", *_models(sheet)])},
        "component": list(_components(line, sheet, say)),
    }


def _value(line: Line, say: Say) -> Json:
    if line.value is None:
        return {
            "dataAbsentReason": {
                "coding": [{"system": ABSENT, "code": "unknown"}],
                "text": say(line.missing or Message("no result")),
            }
        }
    below = {"comparator": "<"} if line.below else {}
    return {"valueQuantity": {"value": line.value, **below, **_unit(line.unit)}}


def _unit(unit: str) -> Json:
    return {"unit": unit, "system": UCUM, "code": ucum(unit)}


def _components(line: Line, sheet: Sheet, say: Say) -> Iterator[Json]:
    if line.low is not None and line.high is not None:
        limits = {"low": {"value": line.low, **_unit(line.unit)}, "high": {"value": line.high, **_unit(line.unit)}}
        yield _component(say(Message("sampling interval, 95 %")), {"valueRange": limits})
    yield _component(say(Message("objects counted")), {"valueInteger": line.k})
    if line.n is not None:
        yield _component(say(Message("objects that it is a share of, or beside")), {"valueInteger": line.n})
    if line.each is not None:
        yield _component(
            say(Message("value of one object, before rounding")), {"valueQuantity": {"value": line.each, **_unit(line.unit)}}
        )
    if (error := sheet.error) is not None:
        per_cent = {
            name: {"valueQuantity": {"value": v, **_unit("%")}} for name, v in (("bias", error.bias), ("spread", error.spread))
        }
        yield _component(say(Message("reader and model error: mean change")), per_cent["bias"])
        yield _component(say(Message("reader and model error: half-width, 95 %")), per_cent["spread"])
        yield _component(say(Message("reader and model error: reviews")), {"valueInteger": error.n})


def _component(name: str, value: Json) -> Json:
    return {"code": {"text": name}, **value}


def _notes(sheet: Sheet, say: Say) -> Iterator[str]:
    page = page_of(sheet)
    yield say(Message("Verdict on the count: {verdict}.", verdict=page.verdict))
    yield from (f"{say(VERDICT[o.verdict])}: {say(o.said)}" for o in sheet.outcomes)
    yield say(page.dated)
    yield say(NOT_MEANT)


def _models(sheet: Sheet) -> dict[str, None]:
    return dict.fromkeys([*filter(None, [sheet.heading.model]), *(f.proposed.model for f in sheet.sample.fields if f.proposed)])


def _period(sheet: Sheet) -> Json:
    """When the fields were read; where that is not known, nothing."""
    times = sorted(f.read_at for f in sheet.sample.fields if f.read_at is not None)
    return {"effectivePeriod": {"start": _instant(times[0]), "end": _instant(times[-1])}} if times else {}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
