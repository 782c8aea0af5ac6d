"""The HTTP client of the service: auth, limits, retries, status and code to error. It knows no MCP."""
