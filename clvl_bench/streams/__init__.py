"""Streams: datasets become Avalanche experiences. The only room that decides what is learned
when.
"""
