"""Toy worlds: pictures painted from numbers, with every fact about them known.

A world has classes and paints a picture of any of them. Parts (pre-training, train, test, ...)
share no random key, so they are disjoint by construction. Everything measured on a toy world is a
fact about a toy, never about real images.
"""
