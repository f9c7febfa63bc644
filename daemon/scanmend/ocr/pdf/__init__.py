"""One page of a PDF: its characters, what of them the page shows, and what only its picture says."""
