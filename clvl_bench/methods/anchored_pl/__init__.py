"""Pseudo-labels of the zero-shot model and an average of the learner, passed class by class."""
