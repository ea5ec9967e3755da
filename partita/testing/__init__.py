"""For the tests of other projects: a running system, as a fixture of pytest."""
