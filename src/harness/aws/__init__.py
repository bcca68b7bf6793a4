"""What AWS keeps for a run: who we are there, prices, objects in S3, images in ECR. boto3 is imported here alone."""
