"""Find files in the inbox, wait until they are complete, and share an inbox with other daemons by leases."""
