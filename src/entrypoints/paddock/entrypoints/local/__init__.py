"""A whole fleet in one process: webhook endpoint, queues, dispatcher, machines as local processes."""
