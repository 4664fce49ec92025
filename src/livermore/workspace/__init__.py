"""What is remembered: one folder on disk and what lies in it."""
