"""Handlers of the review page for several readers an image, and for signatures."""
