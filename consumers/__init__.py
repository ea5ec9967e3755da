"""What this program reads from Kafka: commands for the engine, and results for whoever waits for them."""
