"""The use cases: what the program does, over storage and by the rules of the core."""
