"""``dwcp policy``: the rules over the program, a state, and what they found in the forms that others read."""
