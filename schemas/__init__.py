"""The contract: events, scores, topics, ClickHouse tables and their examples."""
