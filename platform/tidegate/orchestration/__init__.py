"""All of Dagster: partitions, assets, checks, jobs and the instance. Nothing outside knows Dagster, but the CLI."""
