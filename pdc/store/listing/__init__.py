"""The state of each image, kept so that a list is read by index, a page at a time."""
