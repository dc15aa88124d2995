"""The same job on what users would take instead. These modules need nothing of ours, so that each runs in its own environment."""
