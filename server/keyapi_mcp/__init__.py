"""keyapi-mcp: TikTok Shop product research for models, over one metered endpoint."""

__version__ = "0.1.0"
