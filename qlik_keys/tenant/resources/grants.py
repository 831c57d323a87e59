"""The grants and the scope that a client gets on request alone (qlik-cloud-contract, "POST /oauth/token")."""

CLIENT_CREDENTIALS = "client_credentials"
IMPERSONATION = "urn:qlik:oauth:user-impersonation"
OFFLINE = "offline_access"  # never granted unless it is asked for
