"""GitHub, as a client: its REST interface behind the core's ports, and its webhooks as messages.

Nothing is imported here, so that the webhook function pays for `webhook` alone (no httpx, no cryptography).
"""
