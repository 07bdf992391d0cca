"""Models: the real scripts and the real ledger against small pure ones."""
