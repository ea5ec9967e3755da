"""The schema, step by step; ``processor.migrate`` applies it."""
