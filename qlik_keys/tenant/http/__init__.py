"""The HTTP conversation with a tenant: connections, rate budget, repeats, errors."""
