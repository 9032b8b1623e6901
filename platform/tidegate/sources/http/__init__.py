"""Deliveries from a paged JSON API."""
