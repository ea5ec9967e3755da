"""The operator's side of dead letters: finding them, mending them, sending them again."""
