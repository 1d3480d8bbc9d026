"""Count sessions: what was decided in each, and the sheets that were kept."""
