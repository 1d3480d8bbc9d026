"""The commands that count samples."""
