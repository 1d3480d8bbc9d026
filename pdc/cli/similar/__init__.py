"""`python -m pdc similar`: what images look like, for the cases like the one on the screen."""
