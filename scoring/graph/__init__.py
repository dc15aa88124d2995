"""Which clips are alike: seen or shared by the same sessions, or near each other in features."""
