"""What a measuring that was stopped had been told already."""
