"""Who it is for: users and their roles."""
