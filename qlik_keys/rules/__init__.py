"""What audit, doctor and panel report: one catalogue of findings."""
