"""The page as HTML: one file that needs nothing else, runs no script and prints on A4. Everything written in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape

from pdc.domain.message import Message
from pdc.formats.sheets.page import Page, Rule, Say, Shown
from pdc.formats.sheets.parts import Section, Table
from pdc.settings import ASSETS

RESULTS, VERDICT, ERROR = Message("Results"), Message("Verdict on the count"), Message("Reader and model error")


def html_of(page: Page, say: Say, language: str = "en") -> str:
    def said(text: str) -> str:
        return escape(say(text))

    title = f"{page.sample} · {page.title}"
    return f"""<!doctype html>
<html lang="{escape(language)}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{said(title)}</title>
<style>{_style()}</style></head>
<body>
{f'<div class="across" aria-hidden="true"><span>{said(page.across)}</span></div>' if page.across else ""}
<header><h1>{said(page.sample)}</h1><span>{said(page.title)}</span><span class="status">{said(page.status)}</span></header>
<p class="dated">{said(page.dated)}</p>
{_joined(f'<p class="warning" role="alert">{said(w)}</p>' for w in page.warnings)}
<section><h2>{said(RESULTS)}</h2>{_joined(_shown(s, said) for s in page.results)}
<p class="error">{said(ERROR)}: {"<br>".join(said(e) for e in page.errors)}</p></section>
<section class="verdict"><h2>{said(VERDICT)}: {said(page.verdict)}</h2>
<ul>{_joined(_rule(r, said) for r in page.rules)}</ul></section>
<div class="facts">{_joined(_section(s, said) for s in page.sections if s.table is None)}</div>
{_joined(_section(s, said) for s in page.sections if s.table is not None)}
<footer>{said(page.foot)}</footer>
</body></html>
"""


def _shown(shown: Shown, said: Say) -> str:
    parts = (("span", "name", shown.name), ("strong", "value", shown.value), ("span", "chance", shown.chance))
    spans = _joined(f'<{tag} class="{kind}">{said(text)}</{tag}>' for tag, kind, text in parts)
    formula = f'<p class="formula">{said(shown.formula)}</p>' if shown.formula else ""
    return f'<div class="shown">{spans}{formula}</div>'


def _rule(rule: Rule, said: Say) -> str:
    return f"<li{'' if rule.held else ' class=failed'}><span>{said(rule.word)}</span><span>{said(rule.said)}</span></li>"


def _section(section: Section, said: Say) -> str:
    pairs = _joined(f"<dt>{said(name)}</dt><dd>{said(value)}</dd>" for name, value in section.pairs)
    table = _table(section.table, said) if section.table else ""
    kind = ' class="long"' if section.table else ""
    lines = _joined(f"<p>{said(line)}</p>" for line in section.lines)
    return f"<section{kind}><h2>{said(section.title)}</h2>{f'<dl>{pairs}</dl>' if pairs else ''}{lines}{table}</section>"


def _table(table: Table, said: Say) -> str:
    head = _joined(f"<th>{said(cell)}</th>" for cell in table.head)
    first_sum = len(table.rows) - table.emphasised
    rows = (_row(row, said, at >= first_sum) for at, row in enumerate(table.rows))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{_joined(rows)}</tbody></table>"


def _row(row: Iterable[str], said: Say, is_sum: bool) -> str:
    cells = _joined(f"<td>{said(cell)}</td>" for cell in row)
    return f"<tr{' class=sum' if is_sum else ''}>{cells}</tr>"


def _joined(parts: Iterable[str]) -> str:
    return "".join(parts)


@cache
def _style() -> str:
    return (ASSETS / "sheets" / "page.css").read_text("utf-8")
