"""`python -m finetune sets` and `card`: named test sets, and what they say of an adapter."""
