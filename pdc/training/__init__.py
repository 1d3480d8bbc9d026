"""What training needs from the app: run folders, configs, exported reviews, the process."""
