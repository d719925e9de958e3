"""The OpenAPI 3.1 description of all interfaces, made of what the server itself runs on.

Paths: `handlers.routes`. Parameters and answers: `handlers.schemas`. Codes: `services.errors`. The words and the own
codes of an interface: the `description` of its handler. `./scripts/apidoc` writes the documents.
"""
