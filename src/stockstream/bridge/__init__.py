"""One process that reads every partition and fans the ticks out over WebSocket."""
