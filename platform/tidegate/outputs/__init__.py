"""What is made of what is published: exports for programs, pages for people. Dagster is not known here."""
