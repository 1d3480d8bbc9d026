"""What a protocol asks to be filled in and noted: whether a value is one that it can have."""

from __future__ import annotations

from collections.abc import Collection
from math import isfinite

from pdc.counting.protocol import FillIn, Protocol
from pdc.domain.errors import BadSetting, NotFound
from pdc.review.counting.state import CountSession

ASKED = "This protocol asks for {names}, not for {name}."
PLACES = {
    "sample": "{name} is filled in once for the sample.",
    "replicate": "{name} is filled in for each replicate: say for which one.",
    "field": "{name} is filled in for each field: say for which image.",
}
LONGEST = 200


def filled_in(
    session: CountSession, name: str, value: float | str | None, replicate: int | None, sha256: str | None
) -> float | str | None:
    """The value as it is kept; None empties the blank. BadSetting says what is wrong with it, or with its place."""
    asked = _asked(session.protocol, name)
    place = "field" if sha256 else "replicate" if replicate is not None else "sample"
    if place != asked.per:
        raise BadSetting(PLACES[asked.per], name=name)
    if sha256:
        session.field(sha256)
    if replicate is not None and not 1 <= replicate <= session.replicates:
        raise NotFound("There is no replicate {n} in this count.", n=replicate)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _number(asked, value) if asked.number else _text(asked, str(value).strip())


def noted_of(protocol: Protocol, noted: Collection[str]) -> list[str]:
    """What was noted, in order; BadSetting for something that the protocol does not ask about."""
    known = [rule.name for rule in protocol.noted]
    if wrong := sorted(set(noted) - set(known)):
        raise BadSetting(ASKED, names=", ".join(known) or "nothing", name=repr(wrong[0]))
    return sorted(set(noted))


def _asked(protocol: Protocol, name: str) -> FillIn:
    found = next((f for f in protocol.fill_in if f.name == name), None)
    if found is None:
        names = ", ".join(f.name for f in protocol.fill_in) or "nothing"
        raise BadSetting(ASKED, names=names, name=repr(name))
    return found


def _number(asked: FillIn, value: float | str) -> float:
    try:
        number = float(value.replace(",", ".") if isinstance(value, str) else value)
    except ValueError:
        number = float("nan")
    if not isfinite(number) or number < 0:
        raise BadSetting("{name} is a number of 0 or more; this is {value}.", name=asked.name, value=repr(value))
    return number


def _text(asked: FillIn, value: str) -> str:
    if asked.choices and value not in asked.choices:
        raise BadSetting(
            "{name} is one of {choices}; not {value}.", name=asked.name, choices=", ".join(asked.choices), value=value
        )
    if len(value) > LONGEST or not value.isprintable():
        raise BadSetting("{name} has at most {n} characters, on one line.", name=asked.name, n=LONGEST)
    return value
