"""./scripts/chaos: faults under load, and what the server promises about them (docs/RELIABILITY.md)."""
