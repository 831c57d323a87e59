"""The panel's tabs, and what they draw."""
