"""Finding similar objects in the window: search, queue of proposals, review."""
