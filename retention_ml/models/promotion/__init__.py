"""Which version serves: decisions in the ledger, aliases that follow it."""
