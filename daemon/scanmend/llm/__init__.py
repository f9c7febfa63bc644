"""What runs only in the LLM child (and the download child); nobody imports it."""
