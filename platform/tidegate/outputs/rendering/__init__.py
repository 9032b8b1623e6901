"""What pages are drawn with: numbers, charts, Markdown, templates and files for machines."""
