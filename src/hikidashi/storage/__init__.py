"""How items and definitions are kept; the only package with SQL; it knows no rule."""
