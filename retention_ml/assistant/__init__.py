"""Questions in natural language: a read-only Model Context Protocol server over `reports`.

A language model asks by tools; the answers are rows of views, as the warehouse has them. What may
be read is limited four times: by the list of what a statement may consist of (`statements`), by a
database role of its own, by a read-only transaction, and by limits of time, rows and signs.
"""
