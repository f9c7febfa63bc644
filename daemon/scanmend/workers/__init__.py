"""Run child processes: both ends of the connection, the messages, and the sandbox."""
