"""Runs only in OCR children: opening files, rendering pages, the engines, reading order."""
