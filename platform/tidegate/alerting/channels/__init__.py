"""Sending one message: a module for each kind of channel. Which message goes where belongs to `routing`."""
