"""What is learned from labels: the distribution of a clip's score, and its tags. Its modules import torch."""
