"""The dock widget "Train on your masks": a better model from the user's own annotated images."""
