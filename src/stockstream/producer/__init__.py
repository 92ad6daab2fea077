"""From the market to the topic: replicas that share the symbols through a consumer group."""
