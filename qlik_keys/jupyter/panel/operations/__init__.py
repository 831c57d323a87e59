"""What the controllers do with tenant and store: functions without state."""
