"""Image files: accept untrusted ones safely, keep them by content, thumbnails, near duplicates."""
