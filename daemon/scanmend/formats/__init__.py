"""What leaves: the files of a result."""
