"""Learns from weak pairs what a clip is worth, from its features and from the clips that are like it. Needs torch."""
