"""Learning from the stream: weak pairs, ranker releases, datasets. A process of its own, which reads what workers write."""
