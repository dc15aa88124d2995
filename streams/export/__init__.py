"""Data sets for training elsewhere: weak pairs and clips as Parquet, with a card, splits by video, and checksums."""
