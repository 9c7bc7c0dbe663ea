"""A person is forgotten: found, taken out of tables, files and storage, and proved to be gone."""
