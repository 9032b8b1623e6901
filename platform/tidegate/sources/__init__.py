"""Where deliveries come from: one module or folder for each kind of server.

`origin` says what every kind must do, and `places` chooses the kind that a contract asks for. Reading a contract's
servers belongs to `contract.reading.servers`; what is done with a captured delivery belongs to `intake`.
"""
