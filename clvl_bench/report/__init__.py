"""Report: records made readable: tables, plots, galleries, statistics."""
