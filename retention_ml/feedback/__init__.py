"""What customers write: language, sentiment, topic and route of their messages."""
