"""Where Comet's client keeps its settings."""
