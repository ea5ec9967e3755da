"""The rows of the expenses' families: one module each, its queries beside it; ``engine.families`` gathers them."""
