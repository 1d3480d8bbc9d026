"""The API for scripts, `/api/v1`: described by itself, under the same guards and rules of sight as the page."""
