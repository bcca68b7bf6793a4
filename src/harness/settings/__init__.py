"""What stays: the configuration, composed from conf/ and the command line, and checked."""
