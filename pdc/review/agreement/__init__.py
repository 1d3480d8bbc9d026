"""Several readers of the same images: how far they agree, as a report, and the consensus that somebody makes of their reads."""
