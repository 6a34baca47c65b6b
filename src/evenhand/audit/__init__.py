"""Checks for outsiders. Nothing here imports the rest of Evenhand: a second opinion, not an echo.

Everything is written from ``docs/spec/ledger.md`` and the specifications that it names.
"""
