"""The demonstration: a simulated acquisition taken through the suite to a aligned volume."""
