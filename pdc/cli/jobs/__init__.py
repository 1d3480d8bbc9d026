"""`pdc jobs` and `pdc work`."""
