"""Processes, sockets, the log, and stores that fail."""
