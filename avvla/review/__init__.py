"""Review: labels judged by a person, on a sheet that a browser shows and in figures from it."""
