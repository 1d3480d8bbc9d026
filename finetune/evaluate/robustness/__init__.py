"""How the answers hold when the same images are seen otherwise."""
