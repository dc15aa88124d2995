"""How well something learned does: estimates with intervals, and paired comparisons."""
