"""The rows behind the six pages, and the doors to them: one answer of a server, or a folder.

`days` says what was published. `today`, `now`, `customers`, `customer`, `model`, `data`, `drift` and `run`
read rows, all of a page in one snapshot of the database that may not be written to. `answer` is one
page for a server, `write_pages` writes all as files. HTML is made in `retention_ml.pages`.
"""
