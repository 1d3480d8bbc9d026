"""Copies of everything that is kept: made while the app works, checked, and brought back."""
