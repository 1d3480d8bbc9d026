"""From an image and a question to marks: the model, its frame, its adapters."""
