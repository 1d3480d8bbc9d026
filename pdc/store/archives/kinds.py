"""What an archive holds of each table, in which order, and when a row that comes in is one that is here already.

A table that is not named here is archived too: it comes last, and a row is here already if an equal one is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Integer, Table, TypeDecorator
from sqlalchemy.types import TypeEngine

from pdc.store.tables import Row

Names = tuple[str, ...]
ABOUT = ("image_sha256", "task", "labels")


@dataclass(frozen=True, slots=True)
class Kind:
    """How rows of a table are told apart.

    `key`: the columns that name a row; empty: all but its number. `same`: the columns that make it the same thing, so that what
    else differs is a conflict and this store's row stays; empty: all but its number. A row that is another thing by a name which
    is taken gets a new one where `renamed`. `line`: the columns that name a line of revisions. `refers`: column -> tables whose
    rows it names. `alone`: rows come in only where this store has none with these columns.
    """

    key: Names = ()
    same: Names = ()
    renamed: bool = False
    line: Names = ()
    refers: Mapping[str, Names] = field(default_factory=dict)
    alone: Names = ()
    seeded: str = ""
    """who makes the rows that a new store begins with: of these the time does not tell one from another"""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """column -> what stands there in an archive without logins"""


_PREDICTED = {"prediction_id": ("predictions",)}
KINDS: Mapping[str, Kind] = {
    "users": Kind(("name",), same=("name",), secrets={"password_hash": ""}),
    "images": Kind(("sha256",), same=("sha256",)),
    "views": Kind(("image_sha256",), same=("image_sha256",)),
    "owners": Kind(("owner", "image_sha256"), same=("owner", "image_sha256")),
    "groups": Kind(("name",), same=("name",)),
    "labels": Kind(("label",)),
    "label_events": Kind(seeded="PDC"),
    "adapters": Kind(
        ("name",), same=("name", "base", "prompt_version", "created_at"), renamed=True, refers={"parent": ("adapters",)}
    ),
    "activations": Kind(refers={"adapter": ("adapters",), "undoes": ("activations",)}, alone=("base",)),
    "runs": Kind(("name",), same=("name", "started_at"), renamed=True),
    "looks": Kind(refers={"adapter": ("adapters",)}),
    "predictions": Kind(("id",), renamed=True, refers={"adapter": ("adapters",)}),
    "reads": Kind(("id",), renamed=True, line=(*ABOUT, "author", "turn"), refers=_PREDICTED),
    "reviews": Kind(("id",), renamed=True, line=ABOUT, refers={**_PREDICTED, "rests_on": ("reads",)}),
    "drafts": Kind(("author", *ABOUT, "key"), same=("author", *ABOUT, "key"), refers=_PREDICTED),
    "efforts": Kind(("review_id",), same=("review_id",), refers={"review_id": ("reviews",)}),
    "events": Kind(),
    "reader_events": Kind(),
    "signatures": Kind(refers={"review_id": ("reviews", "reads")}),
    "audit_events": Kind(),
    "count_sessions": Kind(("id",), renamed=True),
    "count_events": Kind(refers={"session_id": ("count_sessions",)}),
    "count_sheets": Kind(
        ("id",), renamed=True, line=("session_id",), refers={"session_id": ("count_sessions",), "amends": ("count_sheets",)}
    ),
    "likenesses": Kind(("image_sha256",), same=("image_sha256",)),
    "vectors": Kind(("model", "image_sha256"), same=("model", "image_sha256")),
}
SUMS = frozenset(
    [
        *("learnt_until", "score_shares", "score_sums", "score_neighbours", "edit_counts"),
        *("review_parts", "review_sums", "reviewers", "open_counts"),
    ]
)
"""what a store adds up of its reviews and counts, and makes anew"""
LISTS = frozenset(
    {"image_changes", "list_state", "list_rows", "list_labels", "list_names", "list_name_parts", "list_counts", "list_batches"}
)
"""what lists show, which a store works out anew"""
COPIES = frozenset({"compared_images", "near_copies"})
"""which images show the same: compared anew before a training"""
LEFT_OUT = SUMS | LISTS | COPIES | {"ended_sessions", "audit_links", "jobs", "failures", "duties", "claims"}
"""sums, lists, near copies, ended logins, links of the record, jobs, open images, what processes tell each other: each store has
its own"""
LOGINS = frozenset({"api_tokens"})
"""tables that let somebody in: archived with logins only"""
JSON_COLUMNS = frozenset(
    [
        *("chosen", "counts", "edits", "experts", "findings", "labels", "likeness", "metrics", "protocol", "rests_on", "text"),
        *("value", "view", "what"),
    ]
)
"""columns of JSON text: plain values in an archive"""


def stored_as(column: Column[Any]) -> TypeEngine[Any]:
    """What a column is to the database."""
    return column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type


def number_of(table: Table) -> str | None:
    """The column that numbers the rows of a table in the order in which they came."""
    columns = list(table.primary_key.columns)
    return columns[0].name if len(columns) == 1 and isinstance(stored_as(columns[0]), Integer) else None


def kind_of(table: str) -> Kind:
    return KINDS.get(table, Kind())


def tables(logins: bool) -> list[Table]:
    """Every table of an archive, those that others refer to first."""
    every = {t.name: t for t in Row.metadata.sorted_tables}
    names = [*KINDS, *(name for name in every if name not in KINDS)]
    return [every[n] for n in names if n not in LEFT_OUT and (logins or n not in LOGINS)]
