"""Kill it, cut its power, make it share: nothing that was acknowledged may be lost or half done."""
