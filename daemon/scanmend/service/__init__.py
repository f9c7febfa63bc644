"""Be a service: report the status, answer monitoring, run hooks, and talk to systemd."""
