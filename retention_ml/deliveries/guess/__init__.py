"""A first description, written from the files themselves: for people to edit rather than to write.

`guess.guess` reads samples (`sample`, `encodings`, `delimited`, `documents`), profiles their columns
(`profile`, `numbers`, `dates`), names them (`header_words` over `words.toml`, `roles`), looks how they
hang together (`relations`, `feeds`, `rules`) and writes the description (`write_toml`).
"""
