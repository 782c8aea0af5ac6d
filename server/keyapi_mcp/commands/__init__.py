"""What the command line does besides serving: one file a command, each with `run(...) -> exit code` (`exit_codes`)."""
