"""What analysts open: the segmentation report of a week, the brief of a day, and the index of both.

`segmentation`, `brief` and `index` are what others call. A connection to the lake goes in, text comes out: figures
from `serving`, facts on data quality from `ops` and `quarantine`. Writing files and Dagster do not belong here.
"""
