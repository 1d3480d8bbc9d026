"""What whoever runs PDC sees of it: metrics, a log of requests, and whether it is ready."""
