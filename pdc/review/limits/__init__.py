"""What may still be stored and asked: free disk, quotas of the visitors of a Space, and what goes after their last visit."""
