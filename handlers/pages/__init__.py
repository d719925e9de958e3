"""Pages for people with a browser: the API description in Swagger UI.

`assets/swagger-ui/` is a part of npm's swagger-ui-dist, unchanged: a server needs neither Node nor a network to show
the page. `docs/clients/typescript/package-lock.json` has its version and checksum, and a slow test compares the files.
"""
