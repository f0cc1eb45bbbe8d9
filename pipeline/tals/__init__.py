"""What a wrong camera costs: 2-D and joint-angle errors of true bodies, and TALS's tables of them.

TokenHMR stops supervising a key-point or a joint where its error is below what a wrong camera
alone causes. `cameras` has the wrong cameras, `placing` what they make of a true body, `poses` what
pose would fit the picture through them, `tables` the statistics.
"""
