"""`./scripts/loadtest`: users with their apps, made by Locust, against any server."""
