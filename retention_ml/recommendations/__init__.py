"""What each customer will want next: candidates, ranking, lists, and what became of them."""
