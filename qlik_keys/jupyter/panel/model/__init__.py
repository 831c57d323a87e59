"""What the panel shows at one moment, as frozen values."""
