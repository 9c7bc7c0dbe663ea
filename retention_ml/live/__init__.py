"""What happens between two daily runs: events are taken in at once, scores of their customers follow."""
