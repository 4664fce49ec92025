"""What is chosen: one typed document for each user, and where it is kept."""
