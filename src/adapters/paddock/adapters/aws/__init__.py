"""The ports on AWS: one folder per service, on boto3. What AWS calls an error ends here, as one of `core.errors`."""
