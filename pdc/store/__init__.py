"""What PDC keeps in its database: images, predictions, reviews, drafts, adapters, runs, users."""

from pdc.store.records import Activation, Digest, Event, EventKind, RunRecord, StoredDraft, StoredUser
from pdc.store.store import Store

__all__ = ["Activation", "Digest", "Event", "EventKind", "RunRecord", "Store", "StoredDraft", "StoredUser"]
