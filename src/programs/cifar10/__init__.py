"""A ResNet of the CIFAR family on CIFAR-10."""
