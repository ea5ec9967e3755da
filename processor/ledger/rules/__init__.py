"""The ledger's rules, one module per family: pure functions from (book, command, instant) to a decision."""
