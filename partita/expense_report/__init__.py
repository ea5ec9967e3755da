"""A user's expenses of a tax year as files: CSV for programs, PDF for people."""
