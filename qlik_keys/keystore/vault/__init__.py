"""The key store in HashiCorp Vault or OpenBao: KV version 2 and Transit."""
