"""Training: recipes, data, simulated clicks, losses, stages and the loop."""
