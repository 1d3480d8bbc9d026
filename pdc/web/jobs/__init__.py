"""Jobs on the page: what runs, how far it is, and what came of it."""
