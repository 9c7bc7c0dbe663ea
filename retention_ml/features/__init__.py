"""What is known of each active customer at the start of a day: rollups, features, their store."""
