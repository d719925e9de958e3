"""`./scripts/fuzz`: made-up requests against a server, and what must never come of them."""
