"""Report what the daemon does: the log, the counters, and whether its threads are alive."""
