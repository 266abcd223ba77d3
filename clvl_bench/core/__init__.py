"""Core: what every room uses: errors, schemas, randomness by key, files, the cache folder,
resources.
"""
