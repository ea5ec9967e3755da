"""Revenue: accounts of customers who pay, what each has paid for a period, and what that comes to."""
