"""Fields that are read blind: what the model and others said of them is kept from a reader until they have saved their own."""

from __future__ import annotations

from pdc.review.counting.state import CountField, CountSession, FieldState, fold
from pdc.store import Store


def open_sessions(store: Store, sha256: str) -> list[tuple[CountSession, CountField]]:
    """The sessions that are not closed, of which this image is a field that was not withdrawn; the newest first."""
    found: list[tuple[CountSession, CountField]] = []
    for id in store.counted_in(sha256):
        session = fold(store.count_session(id), store.count_events(id))
        place = session.field(sha256)
        if not session.closed and place.state is not FieldState.WITHDRAWN:
            found.append((session, place))
    return found


def kept_back(store: Store, sha256: str, reader: str) -> bool:
    """Whether the image is a field that is read blind, which this reader has not read since it became one."""
    return any(
        place.blind and not store.has_read(reader, sha256, session.question, place.at)
        for session, place in open_sessions(store, sha256)
    )
