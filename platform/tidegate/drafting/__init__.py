"""Drafting a contract from sample files: evidence, choices, YAML, and the proof that the draft loads them."""
