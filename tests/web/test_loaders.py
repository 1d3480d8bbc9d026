"""Nothing of Gradio's lies over the page while it waits: the page says itself what it waits for."""

from __future__ import annotations

from pathlib import Path

from house import living


def test_no_event_of_any_tab_shows_gradios_loader(tmp_path: Path):
    with living(tmp_path) as app:
        shown = {fn.api_name: fn.show_progress for fn in app.blocks.fns.values() if fn.fn is not None}
    assert len(shown) > 40 and {name: how for name, how in shown.items() if how != "hidden"} == {}
