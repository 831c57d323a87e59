"""Where keys are in a Vault unless somebody says otherwise; it imports nothing, since each command line loads it."""

MOUNT = "secret"  # the KV version 2 engine
PREFIX = "qlik-keys"  # the folder in it
TRANSIT_MOUNT = "transit"
