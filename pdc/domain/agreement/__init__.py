"""How far the readers of one image agree: whose marks are one object, the consensus they propose, the field's measures."""
