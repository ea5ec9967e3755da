"""Faults on purpose: what strikes the servers, the way to them and the processes, and the verdict on what is left."""
