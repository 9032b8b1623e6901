"""Runs told in the open standard OpenLineage, so that a company's catalogue of data shows what is made of what."""
