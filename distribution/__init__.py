"""What is handed out: the bundle for desktop hosts, and the entry for the MCP registry. Made by `make bundle`."""
