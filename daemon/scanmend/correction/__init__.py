"""What is proposed for a line, and what of it may stand; pure functions."""
