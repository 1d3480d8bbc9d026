"""What limits the counting area, found in an image or clicked by a person: the grid of a chamber, a dish, a round field."""
