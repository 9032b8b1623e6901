"""Files by name in a folder or an object store."""
