"""What reviews have shown, kept as sums, so that nobody has to read all of them again."""
