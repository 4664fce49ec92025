"""Exchanges: each a folder of small translations between its own protocol and the market room."""
