"""Studies and the simulated reader."""
