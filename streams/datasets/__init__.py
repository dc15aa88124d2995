"""Public data sets as what the evaluations read. A loader knows its set's files; nothing else knows its name."""
