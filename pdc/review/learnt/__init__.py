"""What reviews show of scores and of the work they took, image by image."""
