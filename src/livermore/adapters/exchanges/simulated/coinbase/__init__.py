"""Coinbase Advanced Trade, as its clients see it."""
