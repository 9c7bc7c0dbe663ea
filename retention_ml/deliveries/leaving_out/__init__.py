"""Rows of persons who were forgotten: left out where files are read, and emptied in the archive."""
