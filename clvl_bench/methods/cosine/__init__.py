"""A head of unit rows on unit features, each starting as its class's text (Gidaris & Komodakis
2018).
"""
