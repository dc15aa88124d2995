"""Clip statistics: distinct sessions per clip and kind, all time and decayed, in integers and by columns.

`decay` weighs by event time, `pages` and `sessions` hold the state, `aggregation` applies interactions to it.
"""
