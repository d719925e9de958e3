"""Metrics: plain numbers of a process, files in which all workers put them, and their sums for Prometheus."""
