"""The simulated exchange's tongue: Binance's REST and WebSocket protocol, from the server's side."""
