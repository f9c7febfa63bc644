"""Logs, counters, signs of life."""
