"""Asking for pages: from the store or the service, one at a time or many within a budget."""
