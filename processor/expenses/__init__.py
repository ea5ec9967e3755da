"""Expenses: users, what they spend, budgets, recurring entries, and rates between currencies."""
