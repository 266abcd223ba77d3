"""GDumb: a fresh model for each experience, trained on a balanced memory alone (Prabhu et al.
2020).
"""
