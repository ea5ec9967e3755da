"""The local stack: a real Kafka and a real PostgreSQL on a bare machine, from Docker or as plain processes."""
