"""Records: one tidy row per measured value, and the folder of a run."""
