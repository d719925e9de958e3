"""Moving in from an official server: its rows by our rules, and the import (docs/MIGRATION.md)."""
