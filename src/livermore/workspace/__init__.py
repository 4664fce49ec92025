"""What is remembered: what users chose about the looks of things, and the folders that were opened."""
