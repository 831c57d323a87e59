"""The grants of a machine-to-machine client (qlik-cloud-contract, "/api/v1/oauth-clients" and "POST /oauth/token")."""

CLIENT_CREDENTIALS = "client_credentials"
IMPERSONATION = "urn:qlik:oauth:user-impersonation"
