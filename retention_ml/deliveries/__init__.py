"""Deliveries: a shop's files, from bytes to typed rows in `staging`.

land, stage, replay     the doors
inspect                 what a description makes of files, without a database
guess                   a first description from the files themselves
ready                   descriptions of widespread systems, to be copied
ledger                  the one writer of `raw.*` and `quarantine.*`
pipeline, engine        the way of one feed from chunks of text to keyed rows, in DuckDB
statements              the compiled expressions of a feed
order_numbers           whether a number stands for two orders
inbox                   the watched folder: its layout, and what lies in it astray
arrivals, archive       guards, SHA-256 and the archived copy of a delivered file; its header
shaping                 parts of a row, fields carried down, money that stands once per order
casting                 text to typed rows, with a reason for every row that fails
readers                 bytes to chunks of text columns: csv, fixed width, JSON lines, parquet
description             what a source description (`sources/<name>.toml`) may say
reasons                 the codes of quarantined rows and their meaning
source_names            which sources are described, by the names of files alone
"""
