"""The labels tab: what it lists, and what its buttons do. Handlers are called as the page calls them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import gradio as gr
import pytest
from desk import who
from store_values import url_of

from pdc.domain.errors import BadQuestion, Forbidden
from pdc.domain.users.roles import Action, Role, demand
from pdc.review.labels import Labels
from pdc.store import Store
from pdc.web.ui.labels_tab import LabelsTab

KNOWN = frozenset({"red blood cell", "polyp"})
ADA = who("ada")


@pytest.fixture
def tab(tmp_path: Path) -> LabelsTab:
    return LabelsTab(Labels(Store.open(url_of(tmp_path)), lambda: KNOWN))


def demand_of(role: Role, user: str, action: Action) -> None:
    demand(role, action, space=True)


def said(shown: tuple) -> str:
    return json.dumps(shown[5], ensure_ascii=False, default=str)


def choices(shown: tuple) -> list[list[str]]:
    return [update["choices"] for update in shown[:3]]


def test_it_lists_every_label_with_what_finds_it_and_whether_the_model_knows_it(tab: LabelsTab):
    shown = tab.show(ADA)
    live, into, gone = choices(shown)
    assert live == into == tab.labels.store.labels() and gone == ["cluster", "instrument", "normal", "pinhead", "polyps"]
    assert "erythrocyte" in said(shown) and "PDC merged polyps into polyp." in said(shown)


def test_each_button_does_what_it_says_in_the_name_of_who_pressed_it(tab: LabelsTab):
    tab.add("ring form", ADA)
    tab.rename("ring form", "ring", who("ben"))
    tab.add_word("ring", "Kringel", ADA)
    tab.retire("platelet", ADA)
    assert "platelet" in choices(tab.show(ADA))[2]
    tab.restore("platelet", ADA)
    tab.take_word("ring", "Kringel", ADA)
    shown = tab.merge("ring", "nucleus", ADA)
    assert "ben renamed ring form to ring." in said(shown) and "ada merged ring into nucleus." in said(shown)
    assert tab.labels.find("ring form").name == "nucleus" and tab.labels.find("Kringel").name is None
    assert "platelet" in choices(shown)[0] and "ring" in choices(shown)[2]


def test_nothing_chosen_is_said_and_changes_nothing(tab: LabelsTab):
    before = tab.labels.history()
    for press in (lambda: tab.rename(None, "x", ADA), lambda: tab.merge("polyp", None, ADA), lambda: tab.add("", ADA)):
        with pytest.raises(BadQuestion, match="Choose a label first"):
            press()
    assert tab.labels.history() == before


def test_where_readers_are_apart_the_controls_are_hidden_and_do_nothing(tmp_path: Path):
    tab = LabelsTab(Labels(Store.open(url_of(tmp_path)), lambda: KNOWN, private=True, allowed=partial(demand_of, Role.READER)))
    with gr.Blocks() as page:
        tab.build(page)
    rows = [block for block in page.blocks.values() if isinstance(block, gr.Row)]
    assert rows and not any(row.visible for row in rows)
    with pytest.raises(Forbidden):
        tab.retire("polyp", ADA)
    shown = tab.show(ADA)
    assert "works alone" in shown[4] and "merged" not in said(shown)
