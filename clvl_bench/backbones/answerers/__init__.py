"""Answerers: models that answer a question about an image in their own words."""
