"""The sample: a day of a mobile-money simulation with known answers. ``paysim`` reads it, the files are its data."""
