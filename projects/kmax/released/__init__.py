"""Weights of published models, downloaded and converted when they are first asked for."""

from .store import fetch

__all__ = ['fetch']
