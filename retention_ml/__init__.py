"""A shop's files in, risk tiers out: the library behind the DAGs and the `retention` command."""

__version__ = "0.1.0"
