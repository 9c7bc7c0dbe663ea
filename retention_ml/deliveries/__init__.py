"""Deliveries: a shop's files, from bytes to typed rows in `staging`.

land, stage, replay     the doors
inspect                 reading and casting one file, without a database
ledger                  the one writer of `raw.*` and `quarantine.*`
pipeline, engine        the way of one feed from chunks of text to keyed rows, in DuckDB
arrivals, archive       guards, SHA-256 and the archived copy of a delivered file; its header
casting                 text to typed rows, with a reason for every row that fails
readers                 bytes to chunks of text columns: csv, fixed width, JSON lines, parquet
sources, mapping        what a source description (`sources/<name>.toml`) may say
reasons                 the codes of quarantined rows and their meaning
"""
