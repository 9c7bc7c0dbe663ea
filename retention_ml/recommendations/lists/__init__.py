"""From scored pairs to the lists of a day: what is left out, in which order, and why in words."""
