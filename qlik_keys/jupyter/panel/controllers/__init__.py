"""What the panel does, without widgets."""
