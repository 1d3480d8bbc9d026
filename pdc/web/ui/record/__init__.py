"""The record on the page, for admins."""
