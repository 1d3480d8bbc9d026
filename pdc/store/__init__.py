"""What PDC keeps in its database: images, predictions, reviews, drafts, adapters, runs, users."""

from pdc.store.records import Activation, RunRecord, RunStatus, StoredDraft, StoredUser
from pdc.store.store import Store

__all__ = ["Activation", "RunRecord", "RunStatus", "Store", "StoredDraft", "StoredUser"]
