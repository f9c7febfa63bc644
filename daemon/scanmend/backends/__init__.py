"""Choose the OCR engine, and run the language model: the daemon's side of both."""
