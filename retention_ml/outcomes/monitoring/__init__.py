"""What changed from day to day, and when somebody is alerted."""
