"""Features of a clip's pictures, sound and words: networks that others have trained, and what needs no training."""
