"""The dock widget "Evaluate clicks": how many clicks a model needs on the user's own masks."""
