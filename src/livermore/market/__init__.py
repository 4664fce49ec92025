"""What is seen: candles, how they are read, rolled up and kept."""
