"""All that knows confluent_kafka: its clients, in our words and with our errors."""
