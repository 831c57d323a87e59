"""Operations on the keys of a client: the plan (pure), the run, and the operations."""
