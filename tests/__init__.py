"""Tests through real HTTP against a real MariaDB and a real Redis."""
