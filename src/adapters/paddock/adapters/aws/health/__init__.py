"""Is a stack well? What AWS says of the account and of the stack's parts: seen as values, and judged."""
