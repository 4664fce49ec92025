"""Who it is for: users, their roles, and how they come in."""
