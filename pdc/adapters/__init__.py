"""Which adapter serves: registry, promotion gate, golden images, routing."""
