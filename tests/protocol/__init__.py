"""The wire protocol of the three kinds of clients: Android, iOS, and any client with a bearer token."""
