"""How a count is begun: the protocol, the sample's code, the images of each replicate, their size, and how fields are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pdc.counting.chambers import CHAMBERS
from pdc.counting.protocol import AreaKind, BorderKind, Protocol
from pdc.counting.sheet import looks_like_a_name
from pdc.domain.errors import PdcError
from pdc.domain.message import Message, joined
from pdc.review.counting.batches import Batch
from pdc.review.counting.sessions import Images
from pdc.web.ui.counting.forms import Asked, button, choice, form, labelled, select, text_field
from pdc.web.ui.view import Node, el

CHANGED, ANOTHER = "form", "protocol"  # what is asked when a field of the form was changed, and when the protocol was
WAYS = {
    "all": Message("all images"),
    "systematic random": Message("a systematic random choice of"),
    "hot spot": Message("the densest spot of each image (hot spot)"),
    "named": Message("the ticked images, chosen by me: the sheet says so"),
}
BORDERS = {
    BorderKind.TWO_SIDED: "Objects that touch the {one} or {other} side are not counted.",
    BorderKind.WHOLE: "Objects that touch a side are not counted.",
    BorderKind.ALL: "Every object that is seen is counted, also on a side.",
    BorderKind.CENTRE: "An object is counted where its centre is.",
}
SIDES = {name: Message(name) for name in ("left", "top", "right", "bottom")}
NAME = Message("This looks like a person's name. Use a code: the sheet leaves the lab.")
SET_BY_LAB = "Your lab has to set these before use: {what}. No text that was read gives their numbers."
NO_IMAGES = Message("There are no images yet. Upload them on the Review page; a folder becomes one row here.")
CUT = Message("Shown are the newest images, up to 2,000. For older ones search or filter the list on the Review page.")
MEND = Message("Mend the file in the folder “protocols”, or take it out, then come back to this page.")
LATER = Message("Empty: set it later, image by image.")
FAIR = Message("Which way was taken stands on the sheet. Images in order of doubt are never taken: they bias a count.")
DENSITY = Message("Without it the sheet has no area, and no result that needs one.")


class NotBegun(PdcError):
    """A count cannot be begun with what was filled in."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form says. `squares` are those of the chamber that each image
    shows; None: set later."""

    protocol: Protocol
    sample: str
    replicates: tuple[Images, ...]
    way: str
    n: int | None
    chamber: str | None
    squares: int | None
    mm_per_pixel: float | None

    @property
    def area(self) -> dict[str, Any]:
        """What is known of each image's size, as a count keeps it; empty where nothing is."""
        known = {"squares": self.squares, "mm_per_pixel": self.mm_per_pixel}
        return {name: value for name, value in known.items() if value is not None}


def begin_page(protocols: Mapping[str, Protocol], found: Sequence[Batch], asked: Asked) -> Node:
    """The form; what was filled in so far stays in it."""
    chosen = protocols.get(asked.get("protocol"))
    first = _step("1", Message("Protocol"), _protocols(protocols, asked.get("protocol")), *(_rules(chosen) if chosen else ()))
    if chosen is None:
        return form("begin", el("h2", Message("Count a sample")), first, cls="pdc-begin")
    steps = [
        _step("2", Message("Sample"), *_sample(asked)),
        _step("3", Message("Images"), *_images(chosen, found, asked)),
        *_size(chosen, asked),
        _step("5" if _asks_size(chosen) else "4", Message("Fields"), *_ways(chosen, asked)),
    ]
    begin = button(Message("Begin the count"), "begin", cls="pdc-main", data_enter="")
    return form("begin", el("h2", Message("Count a sample")), first, *steps, begin, cls="pdc-begin")


def bad_protocol_page(why: Message) -> Node:
    """In place of the form, where a protocol file cannot be read."""
    return el("section", el("h2", Message("Count a sample")), el("p", why, cls="pdc-missing"), el("p", MEND), cls="pdc-begin")


def wanted_of(protocols: Mapping[str, Protocol], found: Sequence[Batch], asked: Asked) -> Wanted:
    """The form as values; NotBegun says what is missing or wrong in it."""
    protocol = protocols.get(asked.get("protocol"))
    if protocol is None:
        raise NotBegun("Choose a protocol first.")
    if not asked.get("sample"):
        raise NotBegun("Give the sample a code.")
    way = asked.get("way") or protocol.fields[0]
    way = "named" if way == "all" and any(field.endswith(" shown") for field in asked.fields) else way
    n = _whole(asked.get("n"), Message("The number of fields")) if way == "systematic random" else None
    squares = _whole(asked.get("squares"), Message("The number of squares")) if asked.get("squares") else None
    micrometres = _number(asked.get("pixel"), Message("The size of a pixel")) if asked.get("pixel") else None
    mm = None if micrometres is None else micrometres / 1000
    replicates = replicates_of(protocol.replicates.number, found, asked)
    chamber = asked.get("chamber") or protocol.area.chamber
    return Wanted(protocol, asked.get("sample"), replicates, way, n, chamber, squares, mm)


def replicates_of(number: int, found: Sequence[Batch], asked: Asked) -> tuple[Images, ...]:
    """The images that were ticked for each replicate, each once: the name of a group where it is one. NotBegun where none were,
    or where two replicates share some."""
    made = [_of_replicate(ticked(f"r{at}", found, asked)) for at in range(1, number + 1)]
    if not made[0][1]:
        raise NotBegun("Tick the images that are counted.")
    if len({sha for _, shas in made for sha in shas}) < sum(len(shas) for _, shas in made):
        raise NotBegun("The same image is in two replicates. A replicate is another preparation, not another look.")
    return tuple(images for images, shas in made if shas)


def ticked(column: str, found: Sequence[Batch], asked: Asked) -> list[Batch]:
    """The batches whose box in this column is ticked."""
    return [batch for batch in found if f"{column} {batch.key}" in asked.fields]


def _of_replicate(chosen: Sequence[Batch]) -> tuple[Images, list[str]]:
    """What the count is begun with, and which images these are."""
    shas = list(dict.fromkeys(sha for batch in chosen for sha in batch.shas))
    alone = chosen[0] if len(chosen) == 1 else None
    return alone.name if alone and alone.is_group else tuple(shas), shas


def images_table(columns: Mapping[str, str], found: Sequence[Batch], asked: Asked) -> Node:
    """A row for each batch, a box to tick for each of the columns (`name` -> words)."""
    if not any(batch.images for batch in found):
        return el("p", NO_IMAGES)
    head = (Message("Images of"), Message("Images"), Message("Read"), *columns.values())
    rows = [_batch_row(batch, columns, asked) for batch in found if batch.images]
    find = text_field("find", placeholder=Message("Search"), data_finds="batch", aria_label=Message("Search"))
    table = el("table", el("thead", el("tr", *(el("th", h, scope="col") for h in head))), el("tbody", *rows))
    told = [el("p", CUT, cls="pdc-warned")] if any(batch.cut for batch in found) else []
    return el("div", *told, *([find] if len(found) > 12 else []), el("div", table, cls="pdc-scroll"))


def _batch_row(batch: Batch, columns: Mapping[str, str], asked: Asked) -> Node:
    name = batch.name or Message("the images that the list on the Review page shows")
    n = Message("{n}, there may be more", n=len(batch.images)) if batch.cut else str(len(batch.images))
    boxes = [
        el("td", choice("checkbox", f"{column} {batch.key}", "on", "", f"{column} {batch.key}" in asked.fields, aria_label=words))
        for column, words in columns.items()
    ]
    return el("tr", el("td", name), el("td", n), el("td", str(batch.read)), *boxes, data_row="batch")


def _step(number: str, title: str, *children: Node) -> Node:
    return el("section", el("h3", el("span", number, cls="pdc-step"), " ", title), *children)


def _protocols(protocols: Mapping[str, Protocol], chosen: str) -> Node:
    empty = [] if chosen else [("", Message("choose …"))]
    options = [(name, p.title) for name, p in sorted(protocols.items(), key=lambda item: item[1].title)]
    return labelled(Message("What is counted, and by which rules"), select("protocol", [*empty, *options], chosen, ANOTHER))


def _rules(protocol: Protocol) -> Iterator[Node]:
    """The protocol in one sentence a rule."""
    yield el("p", joined(list(_sentences(protocol))))
    if protocol.set_by_lab:
        what = joined([Message(name) for name in protocol.set_by_lab], ", ")
        yield el("p", Message(SET_BY_LAB, what=what), cls="pdc-warned")


def _sentences(protocol: Protocol) -> Iterator[Message]:
    target, classes = protocol.target, ", ".join(c.name for c in protocol.classes)
    yield Message("Counts {classes}.", classes=classes)
    each = "At least {n} in each of {all} replicates." if target.each else "At least {n} in all."
    yield Message(each, n=target.least, **({"all": protocol.replicates.number} if target.each else {}))
    if target.fields is not None:
        yield Message("At least {n} fields.", n=target.fields)
    if protocol.replicates.number > 1 and not target.each:
        yield Message("{n} replicates.", n=protocol.replicates.number)
    border = protocol.border
    sides = {"one": SIDES[border.out[0]], "other": SIDES[border.out[1]]} if border.kind is BorderKind.TWO_SIDED else {}
    yield Message(BORDERS[border.kind], **sides)


def _sample(asked: Asked) -> Iterator[Node]:
    code = asked.get("sample")
    yield labelled(Message("Code of the sample, never a name"), text_field("sample", code, CHANGED, size=30))
    if looks_like_a_name(code):
        yield el("p", NAME, cls="pdc-warned", role="status")


def _images(protocol: Protocol, found: Sequence[Batch], asked: Asked) -> Iterator[Node]:
    n = protocol.replicates.number
    if n > 1:
        yield el("p", Message("A replicate is another preparation of the sample: a dilution, a chamber side, a slide."))
    columns = {"r1": Message("Counted")} if n == 1 else {f"r{i}": Message("Replicate {n}", n=i) for i in range(1, n + 1)}
    yield images_table(columns, found, asked)


def _asks_size(protocol: Protocol) -> bool:
    return protocol.area.kind in (AreaKind.CHAMBER, AreaKind.PIXELS)


def _size(protocol: Protocol, asked: Asked) -> Iterator[Node]:
    """The chamber, or the size of a pixel, where the protocol's results need it."""
    if protocol.area.kind is AreaKind.CHAMBER:
        chamber = asked.get("chamber") or protocol.area.chamber or ""
        kinds = select("chamber", [(name, name) for name in CHAMBERS], chamber)
        squares = text_field("squares", asked.get("squares"), inputmode="numeric", size=6)
        line = el(
            "div",
            labelled(Message("Chamber"), kinds),
            labelled(Message("Squares that each image shows"), squares),
            cls="pdc-beside",
        )
        yield _step("4", Message("Counting chamber"), line, el("p", LATER, cls="pdc-hint"))
    elif protocol.area.kind is AreaKind.PIXELS:
        pixel = labelled(Message("Micrometres per pixel"), text_field("pixel", asked.get("pixel"), inputmode="decimal", size=8))
        yield _step("4", Message("Size of a pixel"), pixel, el("p", DENSITY, cls="pdc-hint"))


def _ways(protocol: Protocol, asked: Asked) -> Iterator[Node]:
    ways = (*protocol.fields, "named")
    way = asked.get("way") if asked.get("way") in ways else ways[0]
    number = text_field("n", asked.get("n") or "10", inputmode="numeric", size=5, aria_label=Message("Number of fields"))
    for kind in ways:
        line = choice("radio", "way", kind, WAYS[kind], kind == way)
        some = [number, el("span", Message("fields of each replicate"))] if kind == "systematic random" else []
        yield el("div", line, *some, cls="pdc-beside")
    yield el("p", FAIR, cls="pdc-hint")


def _whole(text: str, what: Message) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise NotBegun("{what} is a whole number, 1 or more; this is {text}.", what=what, text=repr(text))
    return int(text)


def _number(text: str, what: Message) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise NotBegun("{what} is a number above 0; this is {text}.", what=what, text=repr(text))
    return value
