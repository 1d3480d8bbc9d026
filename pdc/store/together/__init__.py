"""What the processes that share a database tell each other: wrong passwords, and who does what only one of them should do."""
