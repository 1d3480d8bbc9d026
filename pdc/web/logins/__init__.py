"""What comes in without a password."""
