"""Training: adapter, plugins and settings as an Avalanche strategy, with its metrics."""
