"""Reading delivered files: what kind each is, its lines and columns, and the SQL that reads and judges them."""
