"""Deliveries that are days of a mart which another home publishes."""
