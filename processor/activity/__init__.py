"""Activity: what merchants did, read from files line by line, and what an import has made of each line."""
