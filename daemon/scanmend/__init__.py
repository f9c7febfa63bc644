"""scanmend turns scans that are dropped in a folder into corrected text, and records in a sidecar how."""

__version__ = "0.2.0"
