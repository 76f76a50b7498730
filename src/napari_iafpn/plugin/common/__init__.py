"""What the three widgets of the plugin share."""
