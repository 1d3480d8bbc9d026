"""A rough box, or a click, becomes the box of the object there."""
