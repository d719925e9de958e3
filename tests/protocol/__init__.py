"""The wire protocol as the three clients speak it: Android, iOS, and everyone with a bearer token."""
