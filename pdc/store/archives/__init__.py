"""The lossless archive: every table as JSON Lines and every image in one zip, written for other programs too, and read back."""
