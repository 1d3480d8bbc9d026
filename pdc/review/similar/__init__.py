"""Reviewed cases like the image on the screen: what each image looks like as a vector, and what was said of the likest."""
