"""Benchmarks: run by hand, never by pytest. Ratios of ways that ran side by side, not absolute times."""
