"""How a day's results become what readers see: snapshots, audits, and a pointer that flips."""
