"""Samples: reviewed images as the fields of replicates."""
