"""Thin REST over the use cases (PROTOCOL §5): one module a noun.

`app` puts it together, `endpoint` is the way of every request. Owns no rule of dispatch, speaks neither Redis
nor SQL. Invariant: whatever goes wrong, the client gets a problem document.
"""
