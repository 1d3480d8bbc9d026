"""Text that is burned into the pixels of an image: found when the image comes in, shown, and painted over."""
