"""What is measured of the embedded model becomes its card."""
