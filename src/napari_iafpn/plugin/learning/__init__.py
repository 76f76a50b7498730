"""Learning from the user's objects, beside the work."""
