"""What stays of CIFAR-10's program: addresses, bundled sample, plots, data differences."""
