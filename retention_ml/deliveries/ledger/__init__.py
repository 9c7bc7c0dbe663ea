"""The one owner of the books of deliveries: `raw.*`, `staging.*` and `quarantine.*`."""
