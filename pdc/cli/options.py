"""Options of a command that stand together in a frozen dataclass: typer sees each field as an option of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature
from typing import Any, get_type_hints

BATCH = 8  # images of a folder whose passes of the model are shared


def spelled_out(command: Callable[..., int]) -> Callable[..., int]:
    """The command with each dataclass among its parameters spelled out into its fields, whose types carry typer's words."""
    kinds: dict[str, Any] = {name: kind for name, kind in get_type_hints(command).items() if is_dataclass(kind)}

    @wraps(command)
    def told(**given: Any) -> int:
        return command(**{name: kind(**{f.name: given[f.name] for f in fields(kind)}) for name, kind in kinds.items()})

    parameters = [p for kind in kinds.values() for p in _parameters(kind)]
    told.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    told.__annotations__ = {p.name: p.annotation for p in parameters}
    return told


def _parameters(kind: Any) -> Iterator[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return (Parameter(f.name, Parameter.KEYWORD_ONLY, default=_default(f), annotation=hints[f.name]) for f in fields(kind))


def _default(field: Field[Any]) -> Any:
    return Parameter.empty if field.default is MISSING else field.default
