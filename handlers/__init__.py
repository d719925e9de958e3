"""HTTP: one module per resource, one class per path, one service call per request. `routes` lists every path."""
