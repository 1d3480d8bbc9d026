"""Boxes that fit themselves, for whoever may see the image."""
