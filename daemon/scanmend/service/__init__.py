"""Connect the daemon with its machine: status, monitoring, hooks, systemd."""
