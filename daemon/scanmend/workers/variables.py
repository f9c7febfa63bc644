"""Name the environment variables that the daemon sets for a child."""

SOCKET_FD = "SCANMEND_FD"  # descriptor of the child's end of the socket
PARENT_PID = "SCANMEND_PARENT"
MEMORY_LIMIT = "SCANMEND_MEMORY"  # bytes; 0: none
SANDBOX = "SCANMEND_SANDBOX"  # what the child may do, as JSON
