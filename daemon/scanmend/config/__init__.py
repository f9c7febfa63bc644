"""What a user configures, checked."""
