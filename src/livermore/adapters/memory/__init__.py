"""The in-process twins of what otherwise needs a server."""
