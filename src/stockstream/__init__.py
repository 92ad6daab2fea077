"""Real-time stock ticks: market -> Kafka -> WebSocket -> browser."""

__version__ = "0.1.0"
