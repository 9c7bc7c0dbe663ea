"""Deliveries: a shop's files, from bytes to typed rows in `staging`.

sources, mapping        what a source description (`sources/<name>.toml`) may say
archive, arrivals       guards, SHA-256 and the kept copy of a delivered file; its header
readers                 bytes to chunks of text: csv_file, csv_reader, dialect,
                        record_reader, parquet_reader, lookups, chunks
casts, rules, times     text to typed columns, with a reason for every row that fails
keys, derived           row keys, occurrences, and the rows a file implies
pipeline, engine        one feed's way through all that, in DuckDB
land, stage, replay     the doors; books is their ledger
inspect                 the same reading and casting for one file, without a database
"""
