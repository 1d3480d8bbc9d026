"""What differs on a public Space: visitors without a login, and its owner, who logs in with Hugging Face."""
