"""The API: one file for each room, JSON in and out, problems as RFC 9457 tells them."""
