"""The Dagster instance of a home: its folder, its storage, making it, and the web server."""
