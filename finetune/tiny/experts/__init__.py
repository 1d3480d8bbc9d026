"""Experts beside the embedded model: made from the trained teacher, and kept only where they answer better."""
