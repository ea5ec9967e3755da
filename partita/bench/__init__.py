"""What is measured, on a fresh local stack: one module per bench, and what they share.

Every figure is taken in turn with its yardstick, because machines differ more than programs.
"""
