"""Sources of interactions for `highlights replay`: simulated viewers, TVSum's annotators, lines of a file."""
