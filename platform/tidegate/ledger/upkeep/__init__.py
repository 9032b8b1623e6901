"""A lake with its ledger as a whole: opened, brought up to this version, kept up, and owing again what is lost."""
