"""Measure answers against the truth."""
