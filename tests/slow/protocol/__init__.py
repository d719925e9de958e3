"""tests/protocol through the shipped files of nginx and supervisor, with TLS and two workers."""
