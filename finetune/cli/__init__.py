"""The command line: `python -m finetune`."""
