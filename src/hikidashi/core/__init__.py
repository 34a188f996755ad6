"""What is true with the power off: definitions, rules and plans; no I/O, clock, chance or async."""
