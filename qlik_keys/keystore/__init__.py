"""Key stores: the `KeyStore` Protocol and the stores over HashiCorp Vault and OpenBao."""
