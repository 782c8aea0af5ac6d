"""Named screens: filters that the service applies, and conditions that only the rows can tell, as data."""
