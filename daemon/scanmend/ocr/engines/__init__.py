"""The OCR engines behind one protocol."""
