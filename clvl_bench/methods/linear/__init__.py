"""A linear head on frozen image features, each row starting as its class's text (Radford et al.
2021).
"""
