"""The API's description as one plain page: each address, what it takes and what it answers. No script, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d232a;background:#fff}
h2{margin-top:2.5rem;border-bottom:2px solid #2f6fb0}h3{margin:2rem 0 .3rem;font:600 1rem ui-monospace,monospace}
b.m{display:inline-block;min-width:3.5rem;color:#2f6fb0}code{background:#eef1f4;padding:.1rem .3rem;border-radius:4px}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{border-bottom:1px solid #d5dbe1;padding:.3rem .6rem;
text-align:left;vertical-align:top}p{margin:.3rem 0}a{color:#2f6fb0}
@media (prefers-color-scheme:dark){body{color:#e8ebee;background:#14181d}code{background:#242c35}td,th{border-color:#39434e}
a,b.m{color:#7db7f0}}"""
Described = Mapping[str, Any]


def page(described: Described, root: str, language: str) -> str:
    """The whole page. `root` is where the API is mounted; the description itself is English."""
    told = described["info"]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>PDC API</title><style>{STYLE}</style><h1>PDC API {escape(told['version'])}</h1>"
        f"<p>{_text(told['description'])}</p>"
        f'<p>For programs: <a href="{escape(root)}/openapi.json">openapi.json</a></p>'
        f"{''.join(_groups(described, root))}<h2>Objects</h2>{''.join(_objects(described))}</html>"
    )


def _groups(described: Described, root: str) -> Iterator[str]:
    group = None
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            if route["tags"][0] != group:
                group = route["tags"][0]
                yield f"<h2>{escape(group.capitalize())}</h2>"
            yield f"<h3><b class=m>{method.upper()}</b> {escape(root + path)}</h3><p>{_text(route['description'])}</p>"
            yield _takes(route)
            yield "".join(map(_answer, route["responses"].items()))


def _takes(route: Described) -> str:
    asked = [(p["name"], _type(p["schema"]), p.get("description", "")) for p in route.get("parameters", ())]
    body = route.get("requestBody", {}).get("content", {})
    asked += [("body", _type(of.get("schema", {})), kind) for kind, of in body.items()]
    return _table(("Takes", "What", ""), asked) if asked else ""


def _answer(answer: tuple[str, Described]) -> str:
    status, of = answer
    if not status.startswith("2") and status != "409":
        return ""
    kinds = ", ".join(f"{kind} {_type(c.get('schema', {}))}" for kind, c in of.get("content", {}).items())
    return f"<p>Answers <code>{status}</code> {kinds}. {_text(of['description'].removeprefix('Successful Response'))}</p>"


def _objects(described: Described) -> Iterator[str]:
    for name, schema in sorted(described["components"]["schemas"].items()):
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{_text(schema.get("description", ""))}</p>'
        yield _table(("Field", "What", ""), [(n, _type(of), _field(of)) for n, of in schema.get("properties", {}).items()])
        if "enum" in schema:
            yield f"<p>{', '.join(f'<code>{escape(str(v))}</code>' for v in schema['enum'])}</p>"


def _field(of: Described) -> str:
    shown = f" For example `{json.dumps(of['examples'][0])}`." if of.get("examples") else ""
    return of.get("description", "") + shown


def _type(schema: Described) -> str:
    """The kind of value, in a word or two, with a link to an object."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if parts := schema.get("anyOf") or schema.get("allOf"):
        return " or ".join(map(_type, parts))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if "items" in schema else "list"
    return escape(str(schema.get("const") or schema.get("type", "")))


def _table(head: tuple[str, ...], rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    lines = "".join(f"<tr><td><code>{escape(n)}</code><td>{kind}<td>{_text(said)}</tr>" for n, kind, said in rows)
    return f"<table><tr>{''.join(f'<th>{h}' for h in head)}</tr>{lines}</table>"


def _text(said: str) -> str:
    """A sentence of the description, with its `code` as such."""
    parts = escape(said).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
