"""PDC: point at, detect and count objects in medical images, and learn from every correction."""

__version__ = "0.1.0"
