"""./scripts/cluster: many machines on one, faults between them, and the tests that need them (docs/SCALING.md)."""
