"""A lake's catalog as a whole: its version, a copy of it in one SQLite file, and putting such a copy in its place."""
