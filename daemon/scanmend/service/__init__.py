"""Being a service: systemd, hooks, HTTP."""
