"""A fusion that is learned from labelled clips: monotone in each signal, calibrated, and small enough to be read."""
