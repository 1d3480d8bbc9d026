"""The command line: `python -m pdc`."""
