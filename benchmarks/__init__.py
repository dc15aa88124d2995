"""Scripts that make the figures: each prints a table, or JSON with --json."""
