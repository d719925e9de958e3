"""The command line of an operator: `./scripts/admin`."""
