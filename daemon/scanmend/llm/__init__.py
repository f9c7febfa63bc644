"""The code of the LLM child and of the download child; no other process imports it."""
