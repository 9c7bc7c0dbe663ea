"""Backups: taken, listed, verified, restored, pruned. Everything a lost disk would take with it."""
