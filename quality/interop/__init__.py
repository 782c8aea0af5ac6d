"""`make interop`: other people's clients and judges against the real server, over every transport, in both eras."""
