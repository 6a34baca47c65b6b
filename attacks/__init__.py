"""Honest and cheating operators, providers and clients, and what an audit of the log alone finds out.

`python -m attacks` prints the table of ``docs/attacks.md``.
"""
