"""What the numbers of a count are worth: what reading changed, copies among the fields, counts made twice; and hot spots."""
