"""./scripts/apidoc: the API description as files in docs/."""
