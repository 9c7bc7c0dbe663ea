"""How an archived file lies on the disk: sealed with a key of its own, read like any other."""
