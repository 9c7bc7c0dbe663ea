"""Deliveries: a shop's files, from bytes to typed rows in `staging`.

sources      what a source description (`sources/<name>.toml`) may say
archive      guards, SHA-256 and the kept copy of a delivered file
csv_reader, readers     bytes to chunks of text columns
casts, times            text to typed columns, with a reason for every row that fails
keys, derived           row keys, occurrences, and the rows a file implies
land, stage, replay     the doors
inspect      the same reading and casting for one file, without a database
"""
