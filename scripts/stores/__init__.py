"""Private stores, and the commands that run a program on them: the server, the tests."""
