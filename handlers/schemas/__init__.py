"""The parameters and the answers of each resource (protocol, sections 1 to 12), one module each.

Parameters are pydantic models. Answers are typed dicts, which become the `data` of the envelope. Every field has a
description: the API description comes from these models.
"""
