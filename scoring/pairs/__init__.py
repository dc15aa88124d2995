"""Weak labels for the ranker: which of two clips viewers prefer, and how sure their behaviour makes us of it."""
