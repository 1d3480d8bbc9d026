"""Annotation formats that are only read: one tool each."""
