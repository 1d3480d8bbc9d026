"""What a reader is asked about an image before it is stored."""
