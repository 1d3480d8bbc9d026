"""Parts of the Training tab that stand for themselves."""
