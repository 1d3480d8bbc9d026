"""Who answers a question about an image: a model in this process, or a server."""
