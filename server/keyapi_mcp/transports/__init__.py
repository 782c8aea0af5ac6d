"""How clients reach the server: standard input and output, or HTTP (streamable HTTP and legacy SSE in one app)."""
