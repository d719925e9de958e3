"""MySQL and nothing else: one module per table, and the only SQL of the project."""
