"""The record on the command line: read, and checked."""
