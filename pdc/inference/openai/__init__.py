"""The model behind an OpenAI-compatible server: protocol, client and our own small server."""
