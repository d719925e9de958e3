"""The settings and the logging of the server, and the files a deployment starts from."""
