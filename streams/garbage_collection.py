"""Looking for cycles less often, in processes that read messages by the ten thousand: none of those objects is in a cycle."""

import gc


def calm() -> None:
    """Leave what is there out of all collections, and make them rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
