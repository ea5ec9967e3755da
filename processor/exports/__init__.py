"""Exports: what the books hold, asked for by a command and written by a worker as numbered parts and a manifest."""
