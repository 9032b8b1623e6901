"""All of Dagster: partitions, assets, checks, jobs, sensors, schedules and the instance. Only the CLI knows it besides.

`assembly` lists everything there is. What is due is decided in `publishing`; here is when to look, and what to launch.
"""
