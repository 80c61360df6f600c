"""Prices by AWS's own word."""

from paddock.adapters.aws.pricing.prices import AwsPrices

__all__ = ["AwsPrices"]
