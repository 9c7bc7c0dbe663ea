"""Ready descriptions of the exports of widespread systems, one file each, and how to copy one."""
