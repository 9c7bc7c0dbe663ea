"""Whether a day may leave the house: enabled, of today, approved; and its messages if it does."""
