"""Tiles for a field too full or too fine for one look, and one list of marks out of many looks.

A tile's cores divide the image without overlap; its window is the core with a margin, so that an object whose centre
lies in the core is seen whole. Every mark belongs to the tile whose core holds its centre.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from pdc.domain.geometry import Size, clip, map_findings
from pdc.domain.matching import LOOKS, suppress
from pdc.domain.values import Box, Findings, Mark, Point

MAX_DEPTH = 3  # 8 x 8 tiles at most
FULL = 24  # objects a look can list well
FINE = (2, 0.07), (5, 0.12)  # (objects, share of a look's side): more of them, typically smaller than that, are seen badly
LEAST_SIDE = 48  # image pixels: a core is not cut smaller
MARGIN = 0.12  # of a core's side, at least
CORE = 1 / (1 + 2 * MARGIN)  # of a window's side, at most
SLACK = 0.02  # of a core's side: how far outside its core a tile may still claim a centre

SHRUNK = 2.5  # a look of a model without a dense head shows at most so many times the pixels that it sees
MOST_CUTS = 8  # columns, and rows, of such looks

Propose = Callable[[Box], Sequence[Box]]
Closer = Callable[["Tile", Sequence["Tile"]], bool]


@dataclass(frozen=True, slots=True)
class Tile:
    """`window` is what is looked at, `core` what is answered for; both in image pixels, the window in whole ones. `labels` are
    those it is asked for where others are looked for in tiles of another size; empty: all."""

    window: Box
    core: Box
    labels: tuple[str, ...] = ()


def plan_tiles(
    wh: Size, propose: Propose, area: Box | None = None, closer: Closer = lambda tile, parts: False
) -> tuple[Tile, ...]:
    """Tiles for an image of (width, height), or for an `area` of it: one for all of it, or as many as its content asks for.

    `propose` gives rough boxes, in image pixels, of what a window holds; a tile with too many or too small objects is
    cut in four, and so on. So is one of which `closer` says that its parts show more than it does.
    """
    if area is None:
        return tuple(_cut(whole_tile(wh), wh, propose, closer, 0))
    dx, dy = area.x1, area.y1

    def placed(tile: Tile) -> Tile:
        return replace(tile, window=_shift(tile.window, dx, dy), core=_shift(tile.core, dx, dy))

    inside = plan_tiles(
        (round(area.width), round(area.height)),
        lambda window: [_shift(b, -dx, -dy) for b in propose(_shift(window, dx, dy))],
        closer=lambda tile, parts: closer(placed(tile), [placed(p) for p in parts]),
    )
    return tuple(map(placed, inside))


def plan_by_size(wh: Size, most: int, overview: bool = True) -> tuple[Tile, ...]:
    """Tiles for an image of (width, height) where no dense head tells what it holds: one, unless a model that sees at most
    `most` pixels would see it much smaller; then a grid, and with `overview` before it the whole image, for boxes larger than
    a tile.
    """
    grids = sorted(((c, r) for c in range(1, MOST_CUTS + 1) for r in range(1, MOST_CUTS + 1)), key=lambda g: _grid_cost(*g, wh))
    tiles = next((grid for c, r in grids if _fits(grid := _grid(c, r, wh), most)), _grid(MOST_CUTS, MOST_CUTS, wh))
    return (whole_tile(wh), *tiles) if overview and len(tiles) > 1 else tiles


def whole_tile(wh: Size) -> Tile:
    """The whole image of (width, height) in one look."""
    whole = Box(0, 0, *wh)
    return Tile(whole, whole)


def plan_by_window(wh: Size, side: float) -> tuple[Tile, ...]:
    """Tiles for an image of (width, height) whose windows are squares of about `side` pixels, as far as MOST_CUTS allows: it
    is the size of view in which something was learnt. One where the image is not much larger."""
    columns, rows = (min(MOST_CUTS, max(1, round(length / (side * CORE)))) for length in wh)
    return _grid(columns, rows, wh)


def _fits(tiles: Sequence[Tile], most: int) -> bool:
    return max(t.window.area for t in tiles) <= SHRUNK * most


def _grid_cost(columns: int, rows: int, wh: Size) -> tuple[int, float]:
    """The fewest tiles first; of as many, the squarest."""
    sides = wh[0] / columns, wh[1] / rows
    return columns * rows, max(sides) / min(sides)


def _grid(columns: int, rows: int, wh: Size) -> tuple[Tile, ...]:
    xs, ys = ([side * i / n for i in range(n + 1)] for side, n in zip(wh, (columns, rows), strict=True))
    cores = [Box(xs[i], ys[j], xs[i + 1], ys[j + 1]) for j in range(rows) for i in range(columns)]
    return tuple(Tile(window_of(core, 0, wh), core) for core in cores)


def _cut(tile: Tile, wh: Size, propose: Propose, closer: Closer, depth: int) -> Iterable[Tile]:
    if depth == MAX_DEPTH or min(tile.core.width, tile.core.height) < 2 * LEAST_SIDE:
        return [tile]
    boxes = propose(tile.window)
    parts = _quarters(tile.core, boxes, wh)
    if not _too_much(boxes, tile) and not closer(tile, parts):
        return [tile]
    return [piece for part in parts for piece in _cut(part, wh, propose, closer, depth + 1)]


def _too_much(boxes: Sequence[Box], tile: Tile) -> bool:
    look = (tile.window.area) ** 0.5
    return len(boxes) > FULL or any(len(boxes) > n and _typical(boxes) < share * look for n, share in FINE)


def _typical(boxes: Sequence[Box]) -> float:
    """The median side of the boxes, in pixels."""
    return sorted(b.area**0.5 for b in boxes)[len(boxes) // 2]


def _quarters(core: Box, boxes: Sequence[Box], wh: Size) -> list[Tile]:
    mx, my = core.center.x, core.center.y
    sides = sorted(max(b.width, b.height) for b in boxes)
    reach = 0.6 * sides[int(0.9 * (len(sides) - 1))] if sides else 0.0
    quarters = [Box(x1, y1, x2, y2) for y1, y2 in ((core.y1, my), (my, core.y2)) for x1, x2 in ((core.x1, mx), (mx, core.x2))]
    return [Tile(window_of(q, reach, wh), q) for q in quarters]


def window_of(core: Box, reach: float, wh: Size) -> Box:
    """The core with a margin of `reach` pixels, or a share of its side, within an image of (width, height); whole pixels."""
    side = max(core.width, core.height)
    margin = min(max(reach, MARGIN * side), 0.5 * side)
    grown = clip(Box(core.x1 - margin, core.y1 - margin, core.x2 + margin, core.y2 + margin), wh)
    return Box(*(float(round(v)) for v in grown.xyxy))


def merge_tiles(looks: Sequence[tuple[Tile, Findings]]) -> Findings:
    """One answer out of the answers per tile, each in pixels of its own window; marks get new ids.

    Counts that were stated without marks are added up. Of a look at the whole image beside its tiles only what is larger than
    a tile counts (`_with_large`). Tiles that were asked for other labels are merged by themselves.
    """
    by_labels: dict[tuple[str, ...], list[tuple[Tile, Findings]]] = {}
    for look in looks:
        by_labels.setdefault(look[0].labels, []).append(look)
    parts = [_merge_equals(some) for some in by_labels.values()]
    if len(parts) == 1:
        return parts[0]
    stated = {label: n for part in parts for label, n in part.stated.items()}
    return Findings(_numbered(m for part in parts for m in part.marks), stated)


def _merge_equals(looks: Sequence[tuple[Tile, Findings]]) -> Findings:
    """`merge_tiles` of tiles that were asked for the same labels."""
    overview = [k for k in looks if len(looks) > 1 and _is_overview(k[0], looks)]
    looks = [k for k in looks if k not in overview]
    if len(looks) == 1 and (looks[0][0].window.x1 == looks[0][0].window.y1 == 0):
        return looks[0][1]
    if len(looks) == 1 and looks[0][0].window == looks[0][0].core:
        return _placed(looks[0][1], looks[0][0])
    kept: list[Mark] = []
    cut: set[int] = set()
    stated: dict[str, int] = {}
    for tile, findings in looks:
        mine = claim_marks(tile, findings)
        cut |= {id(m) for m in mine if _at_inner_edge(m, tile)}
        kept += mine
        for label, n in findings.stated.items():
            stated[label] = stated.get(label, 0) + n
    large = [m for k in overview for m in k[1].marks if _is_large(m, looks)]
    fused = _with_large(fuse_marks(kept, cut), cut, large)
    if not fused:
        return Findings((), stated)
    return Findings(_numbered(fused), {label: sum(m.label == label for m in fused) for label in stated})


def _numbered(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(replace(m, id=f"m{i}") for i, m in enumerate(marks, start=1))


def _is_overview(tile: Tile, looks: Sequence[tuple[Tile, Findings]]) -> bool:
    """Whether it answers for what all others answer for; the cores of tiles share nothing."""
    return all(_inside(other.core, tile.core) for other, _ in looks)


def _inside(a: Box, b: Box) -> bool:
    return a.x1 >= b.x1 and a.y1 >= b.y1 and a.x2 <= b.x2 and a.y2 <= b.y2


def _is_large(mark: Mark, looks: Sequence[tuple[Tile, Findings]]) -> bool:
    """Whether every tile may cut the box: its margin does not reach from the centre to the ends."""
    if not isinstance(mark.shape, Box):
        return False
    return max(mark.shape.width, mark.shape.height) > 2 * MARGIN * max(max(t.core.width, t.core.height) for t, _ in looks)


def _with_large(marks: Sequence[Mark], cut: Collection[int], large: Sequence[Mark]) -> list[Mark]:
    """The tiles' marks with those large ones of which the tiles saw nothing but pieces, in place of the pieces."""

    def belongs(mark: Mark, to: Mark) -> bool:
        return mark.label == to.label and LOOKS.same(mark.shape, to.shape, 0)

    missed = [m for m in large if not any(belongs(k, m) for k in marks if id(k) not in cut)]
    missed = suppress(missed, belongs)
    pieces = {id(k) for k in marks if id(k) in cut and any(belongs(k, m) for m in missed)}
    return [*(k for k in marks if id(k) not in pieces), *missed]


def claim_marks(tile: Tile, findings: Findings) -> list[Mark]:
    """The marks of an answer in window pixels that the tile answers for, in image pixels."""
    return [m for m in _placed(findings, tile).marks if _owns(tile, m)]


def _at_inner_edge(mark: Mark, tile: Tile) -> bool:
    """Whether the window, but not the core, ends where the box (image pixels) does: there may be more of the object."""
    if not isinstance(mark.shape, Box):
        return False
    pairs = zip(mark.shape.xyxy, tile.window.xyxy, tile.core.xyxy, strict=True)
    return any(abs(side - end) < 1 and end != core for side, end, core in pairs)


def _placed(findings: Findings, tile: Tile) -> Findings:
    dx, dy = tile.window.x1, tile.window.y1
    return map_findings(findings, lambda s: Point(s.x + dx, s.y + dy) if isinstance(s, Point) else _shift(s, dx, dy))


def _shift(box: Box, dx: float, dy: float) -> Box:
    return Box(box.x1 + dx, box.y1 + dy, box.x2 + dx, box.y2 + dy)


def _owns(tile: Tile, mark: Mark) -> bool:
    slack = SLACK * max(tile.core.width, tile.core.height)
    c, core = mark.shape.center, tile.core
    return core.x1 - slack <= c.x <= core.x2 + slack and core.y1 - slack <= c.y <= core.y2 + slack


def fuse_marks(marks: Sequence[Mark], cut: Collection[int] = ()) -> list[Mark]:
    """The marks without those that show an object of the same label again, seen in another look.

    Of two, the one seen whole stays (`cut` holds the `id()` of the others), else the surer one.
    """
    gap = median_spacing(marks)
    ranked = sorted(marks, key=lambda m: (id(m) in cut, -(m.score or 0.0)))
    chosen = {id(m) for m in suppress(ranked, lambda m, k: m.label == k.label and LOOKS.same(m.body, k.body, gap))}
    return [m for m in marks if id(m) in chosen]


def median_spacing(marks: Sequence[Mark]) -> float:
    """The median distance from a point to its nearest neighbour, in pixels; 0 where there are no two points."""
    points = [m.shape for m in marks if isinstance(m.shape, Point)]
    if len(points) < 2:
        return 0.0
    nearest = [min(max(abs(p.x - q.x), abs(p.y - q.y)) for q in points if q is not p) for p in points]
    return sorted(nearest)[len(nearest) // 2]
