"""Under Details: the held-out score of each adapter, and how much readers had to correct."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from pdc.adapters.registry import Adapters
from pdc.domain.message import Message
from pdc.review.edit_counts import TOGETHER, EditCount
from pdc.web.ui.words import in_language, language_of, word

if TYPE_CHECKING:
    import pandas

EDITS, SCORES = ["image", "edits", "answered by"], ["made as", "score", "model", "adapter"]
BASE_ALONE = Message("the model as it came")


class Charts:
    """Two charts, each shown where it has a line to show: two points at least."""

    def __init__(self, adapters: Adapters, efforts: Callable[[], Sequence[EditCount]]) -> None:
        self.adapters, self.efforts = adapters, efforts

    def build(self) -> None:
        axes: dict[str, Any] = {
            "x_title": "in order of making",
            "y_title": "score",
            "color": "model",
            "y_lim": [0, 1],
            "tooltip": "all",
            "visible": False,
        }
        title = "Held-out score of each adapter, and of what was in use then"
        scores = line_plot(self.scores(), "made as", "score", title, **axes)
        axes = {"x_title": "reviewed image", "y_title": "edits", "color": "answered by", "y_lim": [0, None], "visible": False}
        title = f"Edits per image, mean of the last {TOGETHER} reviewed"
        self.outputs = [scores, line_plot(self.edits(), "image", "edits", title, **axes)]

    def show(self, request: gr.Request | None = None) -> tuple[Any, ...]:
        """With names in the reader's language."""
        language = language_of(request)
        scores, edits = self.scores(language), self.edits(language)
        return tuple(gr.update(value=of, visible=of.iloc[:, 0].nunique() > 1) for of in (scores, edits))

    def scores(self, language: str = "en") -> pandas.DataFrame:
        """The held-out score of each measured adapter, of the base and of what served, on the images of its time."""
        import pandas

        sides = {"candidate": Message("the adapter"), "active": Message("in use then"), "base": BASE_ALONE}
        measured = [a for a in self.adapters.all() if a.metrics.get("candidate")]
        rows = [
            (f"{i:02}", float(a.metrics[side]["score"]), in_language(name, language), a.name)
            for i, a in enumerate(measured, start=1)
            for side, name in sides.items()
            if a.metrics.get(side)
        ]
        return pandas.DataFrame(rows, columns=SCORES)

    def edits(self, language: str = "en") -> pandas.DataFrame:
        """The running mean of edits, image by image."""
        import pandas

        rows = [(float(e.number), e.mean, e.adapter or in_language(BASE_ALONE, language)) for e in self.efforts()]
        return pandas.DataFrame(rows, columns=EDITS)


def line_plot(rows: pandas.DataFrame, x: str, y: str, title: str, *, height: int = 240, **axes: Any) -> gr.LinePlot:
    return gr.LinePlot(rows, x=x, y=y, title=_title(title), height=height, **axes)


def _title(english: str) -> str:
    """A plot's title. Gradio translates it like a label, though its signature says `str`."""
    return word(english)  # pyright: ignore[reportReturnType]
