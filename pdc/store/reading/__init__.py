"""Several readers an image: who was asked to read it, the reads of each, and signatures."""
