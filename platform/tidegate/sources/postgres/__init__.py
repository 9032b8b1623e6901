"""Deliveries from a PostgreSQL database."""
