"""Where deliveries come from: a module or folder for each kind of server."""
