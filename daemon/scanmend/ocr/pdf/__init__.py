"""PDFs: open and repair them, take their text layer as far as the page shows it, find what no page shows."""
