"""Where the keys are in a Vault by default; it imports nothing, since each command line loads it."""

MOUNT = "secret"  # the KV version 2 engine
PREFIX = "qlik-keys"  # the folder in it
TRANSIT_MOUNT = "transit"
