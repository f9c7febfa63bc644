"""Decide which proposed edits of a page are published, and find what a person should check.

Pure functions, no I/O.
"""
