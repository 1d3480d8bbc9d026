"""What one sender may ask of the server: bytes, time, turns and connections. Beyond it a sentence, and everybody else goes on."""
