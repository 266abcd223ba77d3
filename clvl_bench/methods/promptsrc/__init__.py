"""PromptSRC: deep prompts in both towers, held near what the untouched towers say (Khattak et al.
2023, arXiv:2307.06948).
"""
