"""The mathematics of highlights: statistics, fusion, simulation. No I/O, no clock, no global randomness."""
