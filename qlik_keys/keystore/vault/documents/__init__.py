"""The documents in KV version 2: how each is read and written."""
