"""The functions' bundles: what Lambda is given, as two zip archives. ``python -m deploy.bundle`` makes them."""
