"""Partita, the program: settings, composition, command line, local stack and benchmarks."""
