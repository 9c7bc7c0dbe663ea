"""What became of published lists."""
