"""A page as a file of its own: the same Nodes as markup, with a style sheet, for `python -m pdc agreement`."""

from __future__ import annotations

from html import escape

from pdc.settings import ASSETS
from pdc.web.ui.view import Node

STYLES = ("theme.css", "view.css")
PAGE = "body { margin: 24px; background: var(--pdc-bg); font-family: var(--pdc-font); }"


def html_file(node: Node, title: str) -> str:
    """A whole HTML document. Every text is escaped; nothing is loaded from elsewhere."""
    style = "\n".join((*((ASSETS / name).read_text("utf-8") for name in STYLES), PAGE))
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style>'
    body = f'<body class="pdc-page"><main class="pdc-view"><h1>{escape(title)}</h1>{markup(node)}</main></body>'
    return f'<!doctype html><html lang="en"><head>{head}</head>{body}</html>\n'


def markup(node: Node | str) -> str:
    if isinstance(node, str):
        return escape(node)
    tag, attributes, *children = node
    named = "".join(f' {name}="{escape(str(value))}"' for name, value in attributes.items())
    return f"<{tag}{named}>{''.join(map(markup, children))}</{tag}>"
