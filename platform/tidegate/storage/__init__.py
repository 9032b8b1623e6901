"""Files by name, in a folder or an object store: one interface, and what each kind of place needs to keep it."""
