"""Fields and buttons of a page, as Nodes. What they say goes to the server in one piece: `Asked`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from pdc.web.ui.scripts import on_load
from pdc.web.ui.view import Node, el

EVENTS = ("act", "read")
LONGEST = 2000
_TEMPLATE = '<div class="pdc-count pdc-view"></div>'


class FormPage(gr.HTML):
    """Shows a Node with fields and buttons. Events: `act` when something was pressed or filled in; `read` when an image is to be
    opened on the Review page.

    The value: {"page": Node, "open": id | null, "stamp": str, "turn": int}, and from the browser also "asked": {"turn", "do",
    "about", "fields", "shown"}. `turn` is how many times the reader had asked when the page was made: a page from before what was
    asked since is not shown.
    """

    def __init__(self, value: Mapping[str, Any] | None = None, **kw: Any) -> None:
        super().__init__(
            value=value, html_template=_TEMPLATE, js_on_load=on_load("mountForms", EVENTS), apply_default_css=False, **kw
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader did: `do` names it, `about` says to what, `fields` are all fields of the form around it, by name.

    `shown` are the filters that the list on the Review page stands at.
    """

    do: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.fields.get(name, "").strip()


def asked_in(value: object) -> Asked:
    """What the browser sent; anything odd in it is left aside."""
    asked = value.get("asked") if isinstance(value, Mapping) else None
    if not isinstance(asked, Mapping):
        return Asked()
    return Asked(str(asked.get("do") or ""), *(_texts(asked.get(name)) for name in ("about", "fields", "shown")))


def turn_in(value: object) -> int:
    """How many times the reader had asked something when they sent this."""
    asked = value.get("asked") if isinstance(value, Mapping) else None
    turn = next((v.get("turn") for v in (asked, value) if isinstance(v, Mapping) and "turn" in v), 0)
    return turn if isinstance(turn, int) else 0


def _texts(value: object) -> dict[str, str]:
    return {str(k): str(v)[:LONGEST] for k, v in value.items()} if isinstance(value, Mapping) else {}


def button(words: str | Node, do: str, about: Mapping[str, Any] | None = None, *, event: str = "act", **attrs: Any) -> Node:
    """A button that says what it does; `about` goes along."""
    return el("button", words, type="button", data_do=do, data_event=event, data_about=json.dumps(about or {}), **attrs)


def labelled(words: str, control: Node, *hints: Node | str) -> Node:
    """A field under its name."""
    return el("label", el("span", words), control, *hints, cls="pdc-field")


def text_field(name: str, value: str | float = "", do: str = "", about: Mapping[str, Any] | None = None, **attrs: Any) -> Node:
    """One line; `do` is sent when it was changed. Numbers are text too, so that a comma may be typed."""
    return el("input", type="text", name=name, value=value, autocomplete="off", **_changes(do, about), **attrs)


def select(
    name: str, options: Iterable[tuple[str, str]], chosen: str, do: str = "", about: Mapping[str, Any] | None = None
) -> Node:
    """One of (value, words)."""
    choices = [el("option", words, value=value, **_if(value == chosen, "selected")) for value, words in options]
    return el("select", *choices, name=name, **_changes(do, about))


def choice(
    kind: str, name: str, value: str, words: str, on: bool, do: str = "", about: Mapping[str, Any] | None = None, **attrs: Any
) -> Node:
    """A radio button or checkbox with its words behind it."""
    control = el("input", type=kind, name=name, value=value, **_if(on, "checked"), **_changes(do, about), **attrs)
    return el("label", control, *([el("span", words)] if words else []), cls="pdc-choice")


def form(name: str, *children: Node | str, **attrs: Any) -> Node:
    """Fields that are sent together; `name` tells the form from the others of the page."""
    return el("div", *children, data_form=name, **attrs)


def _changes(do: str, about: Mapping[str, Any] | None) -> dict[str, str]:
    return {"data_change": do, "data_about": json.dumps(about or {})} if do else {}


def _if(on: bool, name: str) -> dict[str, str]:
    return {name: ""} if on else {}
