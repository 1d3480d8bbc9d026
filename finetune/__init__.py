"""Training for PDC: `python -m finetune`. pdc never imports this package; it starts it and reads its run folders."""
