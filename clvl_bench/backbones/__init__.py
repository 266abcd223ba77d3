"""Backbones: frozen vision-language models: towers, tokenizers, preprocessing, loading."""
