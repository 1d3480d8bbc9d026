"""Rows to training examples: views, packing, rehearsal."""
