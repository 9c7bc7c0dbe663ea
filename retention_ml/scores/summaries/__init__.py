"""What is stored beside scores, so that a page need not read those of everybody."""
