"""The OCR engines behind one protocol: an upright page goes in, segments of text come out."""
