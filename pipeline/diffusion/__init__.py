"""Re-rendering: make a render look photographic without moving what the labels describe."""
