"""The ledger: the tables of `ops`, which say what was delivered, built, checked, published and made of what."""
