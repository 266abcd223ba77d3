"""A gated product of image and question features, scored against the texts of answers: unseen ones
have a score.
"""
