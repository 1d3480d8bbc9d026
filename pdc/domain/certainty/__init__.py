"""How sure one may be: what a score is worth, and how many objects there are."""
