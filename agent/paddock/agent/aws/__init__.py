"""The platform of EC2: metadata, table item, queue, log stream and cache of one machine, by plain HTTP requests."""
