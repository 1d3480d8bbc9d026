"""What a reader does: open, ask, correct, save; worklist, history, prefetch, calibration."""
