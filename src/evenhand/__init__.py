"""Evenhand labels data for competing clients even-handedly, and lets anyone check that it did."""

__version__ = "0.1.0"
