"""Fetching pages from addresses that strangers name, without being led into private networks."""

from chatbots.knowledge.fetching.addresses import AllowedHosts, FetchRefused
from chatbots.knowledge.fetching.fetcher import (
    NO_VALIDATORS,
    Fetched,
    Fetcher,
    FetchFailed,
    Validators,
)

__all__ = [
    "NO_VALIDATORS",
    "AllowedHosts",
    "FetchFailed",
    "FetchRefused",
    "Fetched",
    "Fetcher",
    "Validators",
]
