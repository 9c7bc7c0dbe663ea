"""Labels: who counts as churned, which past days are known by now, and the ledger of both."""
