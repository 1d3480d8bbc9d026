"""Where annotation files come from: a folder or a zip, indexed by name."""
