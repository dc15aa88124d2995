"""Faults drawn from a seed, on the real Kafka and ClickHouse; after each round the audit must find nothing."""
