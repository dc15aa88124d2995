"""A real Kafka and a real ClickHouse engine on loopback, with nothing to install by hand."""
