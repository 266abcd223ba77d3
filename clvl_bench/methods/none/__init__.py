"""Nothing is trained: the untouched backbone with the class names seen so far (zero-shot)."""
