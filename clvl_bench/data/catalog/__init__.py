"""Catalog: declarations of datasets, one file each or one a family. They know nothing of continual
learning.
"""
