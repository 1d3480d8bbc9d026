"""Everything that is kept, in a form that other programs read too: out, and into another store."""
