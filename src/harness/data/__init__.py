"""What stays: the data that a .dvc file pins, obtained and restored by content."""
