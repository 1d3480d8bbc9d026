"""Reading twice: what the test of two replicates can find, two readers beside each other, and a reader over time. Pure."""
