"""Where the system runs: embedded Kafka and ClickHouse, compose, images."""
