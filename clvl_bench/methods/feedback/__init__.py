"""Learns from rewards for the chosen class; where labels arrive, from these (likelihood, IPS or
REINFORCE). Online.
"""
