"""HTTP and nothing else: one module per resource, one class per path, one service call per request."""
