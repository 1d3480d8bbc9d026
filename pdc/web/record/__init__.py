"""The record over HTTP, for admins."""
