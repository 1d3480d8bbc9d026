"""What limits the counting area, found in an image: the ruling of a chamber."""
