"""How a candidate is compared and shown: checks, gate, segments, card, figures."""
