"""What is derived: MACD-V and its stages, for all series at once."""
