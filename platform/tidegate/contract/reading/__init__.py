"""From an ODCS file to a checked contract, a module for each part of it. What cannot work is refused at load."""
