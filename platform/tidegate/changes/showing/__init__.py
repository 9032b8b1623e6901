"""What a plan would do, for people: the same sentences and tables for a terminal, as Markdown and as a page."""
