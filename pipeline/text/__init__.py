"""Words from ground truth: what a person who looks at the picture would say, computed from labels.

`facts.describe` measures; `captions` and `questions` put the measures into English.
"""
