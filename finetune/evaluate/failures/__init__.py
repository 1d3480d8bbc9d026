"""What a candidate does worse than each other model on the same images: one number a failure, task and label."""
