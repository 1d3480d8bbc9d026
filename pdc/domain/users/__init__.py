"""Who uses the app: their names, and what each may do."""
