"""Activity ahead: orders, active customers and revenue of the days to come, with intervals."""
