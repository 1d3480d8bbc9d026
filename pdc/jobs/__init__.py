"""Long work that goes on without a page: what kinds there are, and who does it."""
