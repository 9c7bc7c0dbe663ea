"""Text to typed rows, with a reason for every row that fails."""
