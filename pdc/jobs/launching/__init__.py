"""Where a command of PDC runs that takes a process of its own: beside this one, or on a cluster."""
