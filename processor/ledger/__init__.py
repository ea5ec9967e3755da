"""The ledger: accounts and the money between them, as the first context of the engine."""
