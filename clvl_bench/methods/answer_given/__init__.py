"""Nothing is trained: another model (BLIP, ViLT) answers in its own words; what is no candidate
counts as wrong.
"""
