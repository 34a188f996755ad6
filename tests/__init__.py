"""The tests: one behaviour suite, two engines, no mocks of our own parts."""
