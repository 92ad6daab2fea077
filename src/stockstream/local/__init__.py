"""Everything on one machine, without Docker: a real Kafka, the producer and the bridge."""
