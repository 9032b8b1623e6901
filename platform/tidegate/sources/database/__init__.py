"""Deliveries from databases other than PostgreSQL, through SQLAlchemy."""
