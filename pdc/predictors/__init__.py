"""Who answers a question about an image: a model in this process, or (later) a server."""
