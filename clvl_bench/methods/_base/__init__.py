"""What several methods share: the two base classes, heads, sentences, memories, selectors."""
