"""What follows from what is published: exports for other programs, and for people the segmentation report of a week,
the brief of a day, and the index of both.

`segmentation`, `brief` and `index` take a connection to the lake and give text: figures from `serving`, facts on data
quality from `ops` and `quarantine`. `exports` and `published_pages` write into a `store` what is due, as `making` asks
them to. Dagster is not known here.
"""
