"""Redis: the client, the keys, and the loader that coalesces calls."""
