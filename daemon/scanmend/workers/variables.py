"""Name the environment variables that the daemon sets for a child."""

SOCKET_FD = "SCANMEND_FD"  # file descriptor of the child's end of the socket
PARENT_PID = "SCANMEND_PARENT"  # process id of the daemon
MEMORY_LIMIT = "SCANMEND_MEMORY"  # bytes; 0: no limit
SANDBOX = "SCANMEND_SANDBOX"  # the child's permissions, as JSON
