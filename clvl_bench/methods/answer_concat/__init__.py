"""A linear layer on image and question features side by side, a row for each answer."""
