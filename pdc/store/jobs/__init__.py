"""Long work as rows: whoever shares the database may ask for it, and any process may take it."""
