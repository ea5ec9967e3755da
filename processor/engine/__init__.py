"""The engine: a micro-batch of commands in, decisions and events out; what every context shares."""
