"""Callbacks of other services, with an envelope and an authentication of their own."""
