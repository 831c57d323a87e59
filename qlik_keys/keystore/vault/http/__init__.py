"""The calls to Vault: connections, logins, repeats, errors."""
