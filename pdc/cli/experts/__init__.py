"""`python -m pdc experts`: detectors that somebody adds beside the model."""
