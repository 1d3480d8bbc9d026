"""The page as PDF, on A4. Its fonts are DejaVu Sans, cut down to European scripts and signs (assets/fonts)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdc.formats.sheets.html import ERROR, RESULTS, VERDICT
from pdc.formats.sheets.page import Page, Say
from pdc.formats.sheets.parts import Section, Table
from pdc.settings import ASSETS

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = {"": ASSETS / "fonts" / "DejaVuSans.ttf", "B": ASSETS / "fonts" / "DejaVuSans-Bold.ttf"}
MARGIN, FOOT, LINE = 12.0, 14.0, 3.5  # mm
SCALES = 1.0, 0.93, 0.86  # of type and lines
SMALL, BODY, TITLE, LARGE, ACROSS = 6.5, 7.2, 8.5, 14.0, 90.0  # points
GREY, PALE = 90, 228
BOLD, WIDEST = 1.25, 40  # how much wider bold letters are; letters of a column
NAMES = 46.0  # mm for the names in a list of pairs


def pdf_of(page: Page, say: Say) -> bytes:
    """Bytes of the file. A little smaller where it then fits on one side."""
    papers = (_Drawing(page, lambda text: writable(say(text)), scale).draw() for scale in SCALES)
    paper = next((paper for paper in papers if paper.pages_count == 1), None)
    return bytes((paper or _Drawing(page, lambda text: writable(say(text))).draw()).output())


def writable(text: str) -> str:
    """With the code point of what the font cannot draw in its place, so that two codes never look the same."""
    known = _drawn()
    return "".join(c if ord(c) in known else f"[U+{ord(c):04X}]" for c in " ".join(text.split()))


@cache
def _drawn() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    def of(path: Path) -> frozenset[int]:
        with TTFont(path) as font:
            return frozenset(font.getBestCmap() or ())

    return frozenset.intersection(*map(of, FONTS.values()))


def _paper(across: str | None, foot: Callable[[int], str]) -> FPDF:
    from fpdf import FPDF

    class Paper(FPDF):
        """A4 with a word across each page, and a foot."""

        def header(self) -> None:
            if across:
                self.set_font("DejaVu", "B", ACROSS)
                self.set_text_color(PALE)
                with self.rotation(35, self.w / 2, self.h / 2):
                    self.text((self.w - self.get_string_width(across)) / 2, self.h / 2 + 10, across)
                self.set_text_color(0)

        def footer(self) -> None:
            self.set_y(-FOOT + 2)
            self.set_font("DejaVu", "", SMALL)
            self.cell(0, LINE, foot(self.page_no()), align="L")

    paper = Paper(format="A4")
    for style, path in FONTS.items():
        paper.add_font("DejaVu", style, path)
    paper.set_margin(MARGIN)
    paper.set_auto_page_break(True, FOOT)
    return paper


class _Drawing:
    """Puts the parts of a page on paper, from the top down."""

    def __init__(self, page: Page, say: Say, scale: float = 1.0) -> None:
        self.page, self.say, self.scale = page, say, scale
        self.line = LINE * scale
        foot = f"{say(page.sample)} · {say(page.status)} · {say(page.foot)}"
        self.paper = _paper(say(page.across) if page.across else None, lambda n: f"{foot}  ({n}/{{nb}})")

    def draw(self) -> FPDF:
        self.paper.set_title(self.say(self.page.sample))
        self.paper.add_page()
        self._head()
        self._results()
        self._verdict()
        for section in self.page.sections:
            self._section(section)
        return self.paper

    def _head(self) -> None:
        page, paper = self.page, self.paper
        self._font("B", LARGE)
        status = self.say(page.status)
        width = paper.get_string_width(status) + 4
        paper.multi_cell(paper.epw - width - 4, 6, self.say(page.sample), align="L", new_x="LMARGIN", new_y="TOP")
        paper.set_x(paper.w - MARGIN - width)
        paper.cell(width, 6, status, border=1, align="C")
        paper.set_xy(MARGIN, paper.get_y() + 7)
        self._text(self.say(page.title), "", TITLE)
        self._text(self.say(page.dated), "", SMALL, GREY)
        for warning in page.warnings:
            self._text(self.say(warning), "B")

    def _results(self) -> None:
        self._title(RESULTS)
        for shown in self.page.results:
            self._columns((shown.name, "", BODY), (shown.value, "B", TITLE), (shown.chance, "", BODY), widths=(3, 3, 5))
            if shown.formula:
                self._text(self.say(shown.formula), "", SMALL, GREY)
        self._text(f"{self.say(ERROR)}: {'; '.join(map(self.say, self.page.errors))}")

    def _verdict(self) -> None:
        self._title(VERDICT, self.page.verdict)
        for rule in self.page.rules:
            style = "" if rule.held else "B"
            self._columns((rule.word, style, BODY), (rule.said, style, BODY), widths=(1, 8))

    def _section(self, section: Section) -> None:
        self._title(section.title)
        for name, value in section.pairs:
            self._columns((name, "", BODY), (value, "", BODY), widths=(NAMES, self.paper.epw - NAMES))
        for line in section.lines:
            self._text(self.say(line), "", SMALL)
        if section.table:
            self._table(section.table)

    def _table(self, table: Table) -> None:
        from fpdf.fonts import FontFace

        paper, first_sum = self.paper, len(table.rows) - table.emphasised
        self._font("", SMALL)
        paper.set_draw_color(PALE)
        widths = _widths(table, self.say)
        with paper.table(borders_layout="HORIZONTAL_LINES", line_height=self.line, text_align="LEFT", col_widths=widths) as drawn:
            drawn.row([self.say(cell) for cell in table.head])
            for at, row in enumerate(table.rows):
                style = FontFace(emphasis="BOLD") if at >= first_sum else None
                drawn.row([self.say(cell) for cell in row], style=style)
        paper.set_draw_color(0)

    def _title(self, *parts: str) -> None:
        paper = self.paper
        if paper.will_page_break(4 * self.line):
            paper.add_page()
        paper.set_y(paper.get_y() + 1.5)
        self._text(": ".join(map(self.say, parts)), "B", TITLE)
        paper.line(MARGIN, paper.get_y(), paper.w - MARGIN, paper.get_y())
        paper.set_y(paper.get_y() + 0.5)

    def _columns(self, *cells: tuple[str, str, float], widths: tuple[float, ...]) -> None:
        """Texts side by side, as high as the highest."""
        paper, total = self.paper, sum(widths)
        if paper.will_page_break(2 * self.line):
            paper.add_page()
        top, page, end, x = paper.get_y(), paper.page, paper.get_y(), MARGIN
        for (text, style, size), width in zip(cells, widths, strict=True):
            paper.page = page
            self._font(style, size)
            paper.set_xy(x, top)
            paper.multi_cell(paper.epw * width / total, self.line, self.say(text), align="L", padding=(0, 1, 0, 0))
            end, x = max(end, paper.get_y()), x + paper.epw * width / total
        paper.set_xy(MARGIN, end)

    def _text(self, text: str, style: str = "", size: float = BODY, grey: int = 0) -> None:
        self._font(style, size)
        self.paper.set_text_color(grey)
        self.paper.multi_cell(0, max(LINE, size / 2.2) * self.scale, text, align="L", new_x="LMARGIN", new_y="NEXT")
        self.paper.set_text_color(0)

    def _font(self, style: Any, size: float) -> None:
        self.paper.set_font("DejaVu", style, size * self.scale)


def _widths(table: Table, say: Say) -> tuple[float, ...]:
    """Of each column, by its longest cell, and wide enough for the words of its head."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.head)
    heads = (max(map(len, say(head).split()), default=0) * BOLD for head in table.head)
    cells = (max((len(say(cell)) for cell in column), default=0) for column in columns)
    return tuple(max(head, min(cell, WIDEST)) + 2 for head, cell in zip(heads, cells, strict=True))
