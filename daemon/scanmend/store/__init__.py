"""What stays: the journal, files, folders."""
