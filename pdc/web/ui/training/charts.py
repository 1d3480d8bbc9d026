"""Under Details: the held-out score of each adapter, and how much readers had to correct."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from pdc.adapters.registry import Adapters
from pdc.domain.message import Message
from pdc.review.edit_counts import TOGETHER
from pdc.store.records import EditCount
from pdc.web.ui.words import in_language, language_of, word

if TYPE_CHECKING:
    import pandas

EDITS = [Message("image"), Message("edits"), Message("answered by")]
SCORES = [Message("made as"), Message("score"), Message("model"), Message("adapter")]
MADE, REVIEWED = Message("in order of making"), Message("reviewed image")
BASE_ALONE = Message("the model as it came")


class Charts:
    """Two charts, each shown where it has a line to show: two points at least."""

    def __init__(self, adapters: Adapters, efforts: Callable[[], Sequence[EditCount]]) -> None:
        self.adapters, self.efforts = adapters, efforts

    def build(self) -> None:
        axes: dict[str, Any] = {"color": "model", "y_lim": [0, 1], "tooltip": "all", "visible": False}
        title = "Held-out score of each adapter, and of what was in use then"
        scores = line_plot(self.scores(), "made as", "score", title, **axes)
        axes = {"color": "answered by", "y_lim": [0, None], "visible": False}
        title = f"Edits per image, mean of the last {TOGETHER} reviewed"
        self.outputs = [scores, line_plot(self.edits(), "image", "edits", title, **axes)]

    def show(self, request: gr.Request | None = None) -> tuple[Any, ...]:
        """With names in the reader's language."""
        language = language_of(request)
        return _update(self.scores(language), SCORES, MADE, language), _update(self.edits(language), EDITS, REVIEWED, language)

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
        return pandas.DataFrame(rows, columns=list(map(str, SCORES)))

    def edits(self, language: str = "en") -> pandas.DataFrame:
        """The running mean of edits, image by image."""
        import pandas

        rows = [(float(e.number), e.mean, e.adapter or in_language(BASE_ALONE, language)) for e in self.efforts()]
        return pandas.DataFrame(rows, columns=list(map(str, EDITS)))


def _update(rows: pandas.DataFrame, columns: Sequence[Message], across: Message, language: str) -> dict[str, Any]:
    """The rows with their columns in the reader's words: what a chart's axes, legend and tips say is a column's name."""
    x, y, color, *_ = names = [in_language(column, language) for column in columns]
    titles = {"x_title": in_language(across, language), "y_title": y, "color_title": color}
    shown = rows.iloc[:, 0].nunique() > 1
    return gr.update(value=rows.set_axis(names, axis=1), x=x, y=y, color=color, visible=shown, **titles)


def line_plot(rows: pandas.DataFrame, x: str, y: str, title: str, *, height: int = 240, **axes: Any) -> gr.LinePlot:
    return gr.LinePlot(rows, x=x, y=y, title=_title(title), height=height, **axes)


def _title(english: str) -> str:
    """A plot's title. Gradio translates it like a label, though its signature says `str`."""
    return word(english)  # pyright: ignore[reportReturnType]
