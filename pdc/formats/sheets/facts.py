"""What a page says of a sample besides its numbers: area, what was filled in and left out, who read it, by which rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pdc.counting.border import BorderKind, Side
from pdc.counting.chambers import CHAMBERS
from pdc.counting.protocol import FillIn, Protocol, Source
from pdc.counting.results import volume_ul
from pdc.counting.sheet import Sheet
from pdc.counting.tally import FieldCount, Replicate, Sample
from pdc.domain.message import Message, joined
from pdc.formats.sheets.numbers import formula, number, when
from pdc.formats.sheets.parts import Section

NONE = Message("none")
NOT_KNOWN = Message("not known")
EMPTY = Message("not filled in")
SIDES = {
    Side.LEFT: Message("the left side"),
    Side.TOP: Message("the top side"),
    Side.RIGHT: Message("the right side"),
    Side.BOTTOM: Message("the bottom side"),
}
SHAPES = {
    "whole": Message("the whole image"),
    "rectangle": Message("a rectangle in it"),
    "polygon": Message("a polygon in it"),
    "disc": Message("a disc in it, or a sector"),
}
EDITS = {"added": Message("added"), "removed": Message("removed"), "moved": Message("moved"), "relabelled": Message("relabelled")}
SEEN = {
    "seen": Message("seen in the source"),
    "secondary": Message("seen in a secondary text only"),
    "unchecked": Message("not checked in the source"),
}


def area(sheet: Sheet) -> Section:
    sample = sheet.sample
    fields = Message("{n} (replicates: {m})", n=len(sample.fields), m=len(sample.replicates))
    return Section(
        Message("Area and fields"),
        (
            (Message("Fields"), fields),
            (Message("How they were chosen"), sheet.heading.chosen),
            (Message("Counting area"), _area(sample)),
            (Message("Counted of each image"), _shapes(sample)),
            (Message("Its size comes from"), _sources(sample)),
            (Message("Objects on the line"), _border(sheet.protocol)),
        ),
    )


def _area(sample: Sample) -> Message:
    volume, squares, sizes = volume_ul(sample), [f.squares for f in sample.fields], [f.mm2 for f in sample.fields]
    if volume is not None and sample.chamber is not None:
        chamber, n = CHAMBERS[sample.chamber], sum(s for s in squares if s is not None)
        mm2, depth = number(volume / chamber.depth_mm), number(chamber.depth_mm)
        over = Message(
            "{name}: {mm2} mm², {depth} mm deep = {volume} µL", name=chamber.name, mm2=mm2, depth=depth, volume=number(volume)
        )
        return Message("{n} squares, {over}", n=n, over=over) if None not in squares else over
    if sizes and None not in sizes:
        return Message("{mm2} mm² in all fields together", mm2=number(sum(s for s in sizes if s is not None)))
    return NOT_KNOWN


def _shapes(sample: Sample) -> Message:
    """What of the images was counted; where they differ, in how many of them."""
    found = Counter(f.area.shape.kind for f in sample.fields if f.area is not None)
    if len(found) < 2:
        return next((SHAPES[kind] for kind in found), NOT_KNOWN)
    return joined([Message("{n} x {what}", n=n, what=SHAPES[kind]) for kind, n in found.items()], ", ")


def _sources(sample: Sample) -> Message:
    found = dict.fromkeys(str(f.area.source) for f in sample.fields if f.area is not None and f.area.mm2() is not None)
    typed = not found and (volume_ul(sample) is not None)
    return (
        joined([Message(source) for source in found], ", ") if found else Message("typed by the reader") if typed else NOT_KNOWN
    )


def _border(protocol: Protocol) -> Message:
    border = protocol.border
    if border.kind is BorderKind.TWO_SIDED:
        a, b = (SIDES[side] for side in border.out)
        return Message("two-sided: those that touch {a} or {b} do not count", a=a, b=b)
    return {
        BorderKind.WHOLE: Message("whole: only those that touch no side count"),
        BorderKind.ALL: Message("all: every one that is seen counts"),
        BorderKind.CENTRE: Message("centre: those whose centre is inside count"),
    }[border.kind]


def filled_in(sheet: Sheet) -> Section:
    protocol, sample = sheet.protocol, sheet.sample
    asked = {f.name for f in protocol.fill_in}
    pairs = [(_name(f), _filled(f, sample)) for f in protocol.fill_in if f.per != "field"]
    return Section(Message("Filled in"), (*pairs, *((n, str(v)) for n, v in sample.filled.items() if n not in asked)))


def _name(asked: FillIn) -> str:
    return Message("{name} (required)", name=asked.name) if asked.required else asked.name


def _filled(asked: FillIn, sample: Sample) -> str:
    if asked.per == "sample":
        return written(asked, sample.filled)
    return joined(
        [Message("{i}: {value}", i=i, value=written(asked, r.filled)) for i, r in enumerate(sample.replicates, 1)], "; "
    )


def written(asked: FillIn, filled: Mapping[str, float | str], assumed: str = "{value}: assumed, not measured") -> str:
    """The value with its unit, or that it is assumed, or that there is none."""
    value = filled.get(asked.name, asked.value)
    if value is None or value == "":
        return EMPTY
    text = f"{number(value) if isinstance(value, int | float) else value} {_unit(asked)}".strip()
    return text if asked.name in filled else Message(assumed, value=text)


def _unit(asked: FillIn) -> str:
    """Per microlitre is "/µL"."""
    return formula(asked.unit[1:] if asked.unit.startswith("1/") else asked.unit)


def left_out(sheet: Sheet) -> Section:
    fields = sheet.sample.fields
    unfinished = [f.name for f in fields if not f.complete]
    noted = Counter(name for f in fields for name in f.noted)
    pairs: list[tuple[str, str]] = [
        (Message("By the border rule"), _per_class(fields)),
        (Message("With a label of no class"), str(sum(f.unclassed for f in fields))),
        (Message("Doubtful, judged by nobody"), str(sum(f.doubtful for f in fields))),
        (Message("Fields not marked to the end"), ", ".join(unfinished) or NONE),
        (Message("Noted of fields"), ", ".join(f"{name}: {n}" for name, n in noted.items()) or NONE),
    ]
    withdrawn = tuple(_withdrawn(sheet))
    return Section(Message("Left out of the count"), (*pairs, *withdrawn) if withdrawn else (*pairs, (WITHDRAWN, NONE)))


WITHDRAWN = Message("Fields withdrawn")


def _withdrawn(sheet: Sheet) -> Iterable[tuple[str, str]]:
    for gone in sheet.heading.withdrawn:
        where = Message("{name} of replicate {i}", name=gone.name, i=gone.replicate) if gone.replicate else gone.name
        yield Message("Withdrawn: {field}", field=where), f"{gone.why} ({gone.by})" if gone.by else gone.why


def _per_class(fields: Sequence[FieldCount]) -> str:
    found = sum((Counter(f.left_out) for f in fields), Counter[str]())
    return f"{found.total()} ({', '.join(f'{name} {n}' for name, n in found.items())})" if found else "0"


def reading(sheet: Sheet) -> Section:
    fields, head = sheet.sample.fields, sheet.heading
    models = dict.fromkeys([*filter(None, [head.model]), *(f.proposed.model for f in fields if f.proposed)])
    times = sorted(f.read_at for f in fields if f.read_at is not None)
    read = Message("{first} to {last}", first=when(times[0]), last=when(times[-1])) if times else NOT_KNOWN
    return Section(
        Message("Readers and model"),
        (
            *((Message("Replicate {i}", i=i), _reader(r)) for i, r in enumerate(sheet.sample.replicates, 1)),
            (Message("When it was read"), read),
            (Message("Model and adapter"), "; ".join(models) or NONE),
            (Message("What the readers changed"), _changed(sheet)),
        ),
    )


def _reader(replicate: Replicate) -> Message:
    return Message("{name}, {how}", name=replicate.reader or NOT_KNOWN, how=_sight(replicate.fields))


def _sight(fields: Sequence[FieldCount]) -> Message:
    if fields and all(f.blind for f in fields):
        return Message("blind: without the model in sight")
    if seen := sum(f.proposed is not None for f in fields):
        return Message("with the model's marks in sight in {n} of {all} fields", n=seen, all=len(fields))
    return Message("marked without a model")


def _changed(sheet: Sheet) -> Message:
    of, seen = sheet.protocol.target.of, [f for f in sheet.sample.fields if f.proposed is not None]
    if not seen:
        return NONE
    before = sum(f.proposed.counted.get(name, 0) for f in seen if f.proposed for name in of)
    edits = sum((Counter(f.proposed.edits) for f in seen if f.proposed), Counter[str]())
    what = joined([Message("{n} {what}", n=edits[kind], what=word) for kind, word in EDITS.items() if edits[kind]], ", ") or NONE
    said = Message(
        "{before} counted by the model, {after} after reading; marks changed: {what}",
        before=before,
        after=_of(seen, of),
        what=what,
    )
    return said


def _of(fields: Iterable[FieldCount], classes: Iterable[str]) -> int:
    names = tuple(classes)
    return sum(f.of(names) for f in fields)


def protocol(sheet: Sheet) -> Section:
    rules = sheet.protocol
    named = Message("{name}, version {version}, digest {digest}", name=rules.name, version=rules.version, digest=rules.digest)
    own = ", ".join(rules.set_by_lab) or NONE
    sources = tuple((Message("Source: {about}", about=s.about), _source(s)) for s in rules.sources)
    return Section(Message("Protocol"), ((Message("Rules"), named), (Message("Set by the lab"), own), *sources))


def _source(source: Source) -> Message:
    year = f" {source.year}" if source.year else ""
    return Message("{text} ({seen})", text=f"{source.text}{year}", seen=SEEN[source.seen])
