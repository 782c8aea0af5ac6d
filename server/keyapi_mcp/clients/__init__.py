"""Other people's configuration files: where each client keeps its own, and changing one entry of it."""
