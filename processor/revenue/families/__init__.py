"""The rows of revenue: one module each, its queries beside it; ``engine.families`` gathers them."""
