"""The way of a document."""
