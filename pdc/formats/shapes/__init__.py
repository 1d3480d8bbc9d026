"""The shapes that annotation files draw, as boxes, points and outlines."""
