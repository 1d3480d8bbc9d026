"""Train a LoRA adapter."""
