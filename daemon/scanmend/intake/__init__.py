"""What arrives: watching, settling, completeness, leases."""
