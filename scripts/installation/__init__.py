"""Releases of the server in a folder, side by side. Standard library only: it runs before there is a .venv."""
