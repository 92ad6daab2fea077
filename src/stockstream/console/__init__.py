"""The console consumer: topic -> terminal."""
