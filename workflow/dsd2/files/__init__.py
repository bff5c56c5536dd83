"""Files that are whole or absent: atomic writes, checksums, schemas, resume states."""
