"""TrakEM2 projects: export of a region for correction by hand, and what comes back from it."""
