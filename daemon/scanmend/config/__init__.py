"""Read and check what a user configures."""
