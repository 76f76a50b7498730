"""The panel of Click segmentation: its parts, and what they say."""
