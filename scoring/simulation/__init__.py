"""Seeded viewers and videos: behaviour whose truth is known, to test and to measure with."""
