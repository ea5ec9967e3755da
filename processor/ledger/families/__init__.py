"""The rows of the ledger's families: one module each, with its queries beside it; ``engine.families`` gathers them."""
