"""Does a moving body stand, fly, slide and bend like one? Measured on its own mesh, in numpy.

`ground` finds flight, floating, sinking and sliding feet; `selfcontact` finds limbs inside the
body; `judgement` holds both against the configured limits. Subject frame: Z up, metres.
"""
