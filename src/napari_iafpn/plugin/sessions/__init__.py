"""Sessions in the window: the journal of what happens, and going on from an earlier one."""
