"""L2P: prompts chosen from a pool by keys (Wang et al. 2022, arXiv:2112.08654; as prefixes,
"L2P++").
"""
