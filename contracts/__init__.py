"""What may be said: every command, result and refusal code, and how each looks as bytes.

One module per family holds its whole vocabulary; ``catalog`` is the table that joins them to topics and keys.
Nothing here reads a clock, a database or a setting, and no other package spells a message type or a topic name.
"""
