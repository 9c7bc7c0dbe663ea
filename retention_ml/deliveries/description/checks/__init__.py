"""Whether the words of a description fit each other: options and columns, keys and formats, rules."""
