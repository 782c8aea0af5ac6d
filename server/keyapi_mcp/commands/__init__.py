"""What the command line does besides serving: one file a command, each with `run(...) -> exit code`.

Exit codes: 0 done; 1 it could not be done (the reason is on standard error); 2 wrong usage; 3 the call was refused
before any request; 4 the service failed; 5 a setting is missing or wrong.
"""
