"""The tests: folders mirror src/. A package, since some distributions install one of this name."""
