"""What is measured, on a fresh local stack: one module per bench, and what they share.

Every figure is printed beside a yardstick of the same minute, because machines differ more than programs.
"""
