"""Networks: TLS, proxies, and bounds for answers."""
