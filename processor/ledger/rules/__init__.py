"""The ledger's rules, one module per family: pure functions from (book, command, instant) to a decision.

A family's module names them in ``RULES``, by command; ``processor.ledger.families`` gathers them.
"""
