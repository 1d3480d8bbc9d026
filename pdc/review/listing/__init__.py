"""The list of images: what it shows, a page at a time."""
