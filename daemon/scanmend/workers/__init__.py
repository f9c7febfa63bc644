"""Child processes: both halves, their sandbox, their messages."""
