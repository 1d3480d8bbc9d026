"""A sentence for a reader, kept apart from what is filled in until the reader's language is known.

As in gettext, the English text with its {fields} is the sentence's id: a catalogue is asked for exactly that text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self


class Message(str):
    """English as a str. `text` is its id and `fields` are what fills it in; a field may be a Message of its own.

    Any other str is data, such as a label or the name of a file, and is shown as it is in every language.
    """

    text: str
    fields: dict[str, object]

    def __new__(cls, text: str, /, **fields: object) -> Self:
        said = super().__new__(cls, text.format(**fields) if fields else text)
        said.text, said.fields = text, fields
        return said


def joined(parts: Iterable[str], between: str = " ") -> Message:
    """Several as one, in this order; each Message among them keeps its own id, and an empty one is left out."""
    fields = {f"part{i}": part for i, part in enumerate(filter(None, parts))}
    return Message(between.join(f"{{{name}}}" for name in fields), **fields)


def plain(value: Any) -> Any:
    """A value as JSON can hold it, each Message in it with its text and its fields, so that it can be read in any language."""
    if isinstance(value, Message):
        return {"text": value.text, "fields": {name: plain(field) for name, field in value.fields.items()}}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def from_plain(value: Any) -> Any:
    """What `plain` made, with its Messages."""
    if isinstance(value, list):
        return [from_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"text", "fields"}:
        return Message(value["text"], **from_plain(value["fields"]))
    return {key: from_plain(each) for key, each in value.items()}
