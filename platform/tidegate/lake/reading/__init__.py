"""Reading the lake as a consumer does: a query, a prompt, an earlier moment."""
