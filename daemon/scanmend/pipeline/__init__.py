"""The steps that take a document from the inbox to the outbox: claim, read, correct, publish."""
