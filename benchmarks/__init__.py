"""Side-by-side measurements; `make benchmark` and `make benchmark-quality` run them."""
