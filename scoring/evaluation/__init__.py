"""How well something learned does: estimates with intervals, paired comparisons, and reports of them."""
