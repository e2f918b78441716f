"""Pure rules of matching: no I/O, no clock, no framework."""
