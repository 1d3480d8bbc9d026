"""Tokens with which a program comes in for a user."""
