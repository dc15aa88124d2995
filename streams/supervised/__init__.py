"""Supervised models: from files of features and labels to a model, and from a model to topic `supervised-scores`."""
