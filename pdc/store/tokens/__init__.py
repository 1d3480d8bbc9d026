"""API tokens: with which role a program comes in for a user, and until when."""
