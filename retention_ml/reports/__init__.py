"""Reports: what people and BI tools read."""
