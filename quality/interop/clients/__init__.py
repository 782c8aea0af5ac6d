"""Scripts that run in environments of their own, with other versions of the SDK than the server's."""
