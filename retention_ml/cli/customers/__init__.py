"""Commands about who customers are: those that are none, and the persons behind the others."""
