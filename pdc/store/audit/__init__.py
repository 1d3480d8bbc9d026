"""The record: who did what, and a keyed chain over everything that is said once, so that no change of it stays unseen."""
