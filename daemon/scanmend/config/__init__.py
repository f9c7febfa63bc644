"""Read and check the configuration and the profiles."""
