"""AttriCLIP: each image chooses prompts from a learned bank (Wang et al. 2023,
arXiv:2305.11488).
"""
