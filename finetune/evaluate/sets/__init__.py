"""What is said of an adapter beyond one comparison: whether it uses the image, whether it holds elsewhere, and its card."""
