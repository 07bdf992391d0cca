"""Faults provoked on real processes, and the judgement of what the clients saw."""
