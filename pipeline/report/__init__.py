"""Pictures for people: overlays, a contact sheet per frame, and the dataset's HTML report."""
