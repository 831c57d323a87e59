"""Making a client: the plan (pure), the run, and the operations."""
