"""The model that came with the library: trained on other shops, for a shop without its own."""

NAME = "starter"
