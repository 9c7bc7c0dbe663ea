"""The model that came with the library: learnt from other shops, for a shop without its own."""

NAME = "starter"
