"""Fields that are read blind: what the model and others said of them is kept from a reader until they have saved their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pdc.domain.values import Question
from pdc.review.counting.state import CountField, CountSession, FieldState, fold
from pdc.store import Store

Place = tuple[CountSession, CountField]


def open_sessions(store: Store, sha256: str) -> list[Place]:
    """The sessions that are not closed, of which this image is a field that was not withdrawn; the newest first."""
    sessions = (_session(store, id) for id in store.open_counts(sha256))
    return [(session, place) for session, place in _places(sessions) if place.sha256 == sha256]


def kept_from(store: Store, reader: str, sha256: str | None = None) -> frozenset[str]:
    """The sha256 of the fields (this image or all) of open counts that are read blind, and that this reader has not read since
    they became one."""
    if sha256 is not None:
        return unread(store, open_sessions(store, sha256), reader)
    return unread(store, list(_places(_session(store, id) for id in store.open_counts())), reader)


def blind_places(store: Store, shas: Collection[str]) -> list[Place]:
    """Where these images are fields of open counts that are read blind."""
    found = _places(_session(store, id) for id in store.open_counts(shas))
    return [(session, place) for session, place in found if place.blind and place.sha256 in shas]


def kept_back(store: Store, sha256: str, reader: str) -> bool:
    """Whether the image is one of these."""
    return bool(kept_from(store, reader, sha256))


def is_blind(store: Store, sha256: str) -> bool:
    """Whether the image is a field of an open count that is read blind, read or not."""
    return any(place.blind for _, place in open_sessions(store, sha256))


def answers(question: Question, labels: Iterable[str]) -> bool:
    """Whether a review under this question says where all objects with these labels are."""
    return question.task.has_marks and set(labels) <= set(question.labels)


def _session(store: Store, id: str) -> CountSession:
    return fold(store.count_session(id), store.count_events(id))


def _places(sessions: Iterable[CountSession]) -> Iterable[Place]:
    for session in sessions:
        if not session.closed:
            yield from ((session, place) for place in session.fields if place.state is not FieldState.WITHDRAWN)


def unread(store: Store, places: Iterable[Place], reader: str) -> frozenset[str]:
    """The images of these fields that are read blind, and that this reader has not read since they became one."""
    blind = [(store.question_now(session.question).labels, place) for session, place in places if place.blind]
    read = store.read_times(reader, [place.sha256 for _, place in blind])
    return frozenset(
        place.sha256
        for labels, place in blind
        if not any(at >= place.at and answers(question, labels) for question, at in read.get(place.sha256, ()))
    )
