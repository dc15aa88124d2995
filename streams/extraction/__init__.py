"""From videos to files of features: decoding, subtitles, weights, and a folder that can be gone on with."""
