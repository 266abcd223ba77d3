"""Data: pinned datasets, the layouts they have on disk, and the toy worlds."""
