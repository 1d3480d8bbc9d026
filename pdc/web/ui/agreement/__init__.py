"""The pages about several readers of an image: how far they agree, and the consensus."""
