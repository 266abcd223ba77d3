"""LoRA in the text tower, which learns what a question with an answer behind it looks like."""
