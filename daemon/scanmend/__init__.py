"""scanmend: scans dropped in a folder come out as corrected text, with a sidecar that says how."""

__version__ = "0.2.0"
