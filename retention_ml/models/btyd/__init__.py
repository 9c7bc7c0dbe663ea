"""Buy till you die: purchases as a process that ends unseen, and what it says is to come."""
