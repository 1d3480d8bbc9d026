"""The list of images over HTTP: a part at a time, and what is done with all that it shows."""
