"""Several readers an image: assigned, blind to each other, adjudicated; and signatures that lock a review."""
