"""The panel's own widgets."""
