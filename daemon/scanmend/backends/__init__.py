"""What the daemon knows of engines and models."""
