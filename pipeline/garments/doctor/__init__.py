"""The garment doctor: what is wrong with a user's simulation, and the options that correct it."""
