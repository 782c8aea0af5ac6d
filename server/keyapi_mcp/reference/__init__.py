"""What is known without asking the service: categories, regions, units, the meaning of each metric."""
