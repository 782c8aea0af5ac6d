"""What this server costs beside what a user would have instead. Run it with `make bench`."""
