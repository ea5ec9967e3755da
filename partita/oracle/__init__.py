"""The oracle: judges a run from its files, by rules of its own; it imports the standard library and nothing else."""
