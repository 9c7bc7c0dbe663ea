"""The first rows of files of any container, dialect and encoding, as text."""
