"""What was seen and what it cost: pages, products, snapshots and the books, in memory and in a file."""
