"""Libraries of other authors that the pages load, each with its licence beside it."""
