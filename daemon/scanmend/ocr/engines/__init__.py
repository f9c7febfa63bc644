"""The OCR engines behind one protocol: an upright page in, segments of text out."""
