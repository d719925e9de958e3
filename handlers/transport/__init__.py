"""The way of bytes to a handler and back: listeners, workers, connections, the Tornado application, the access log."""
