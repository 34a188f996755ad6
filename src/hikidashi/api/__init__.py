"""The dialects: wire to command and result to wire, thin and independent of each other."""
