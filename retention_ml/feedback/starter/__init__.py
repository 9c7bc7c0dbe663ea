"""The weights that came with the library, for a shop without rated messages of its own."""
