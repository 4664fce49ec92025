"""Channels through which alerts leave: the terminal, and webhooks."""
