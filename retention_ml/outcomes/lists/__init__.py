"""What became of published lists of recommended products, and which ranker makes them."""
