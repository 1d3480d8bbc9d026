"""What is done before a reader asks: images answered in the background, and which of them is worth a look next."""
