"""What stays: jobs on SageMaker."""
