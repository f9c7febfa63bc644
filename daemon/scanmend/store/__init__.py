"""Store everything that outlives a run: the journal, files and folders."""
