"""A thin client of the API, for scripts: `from pdc.client import Client`. Loads neither the server nor the model."""

from pdc.client.client import Client
from pdc.client.wire import ApiError, Changed, Failed, Refused, Unavailable

__all__ = ["ApiError", "Changed", "Client", "Failed", "Refused", "Unavailable"]
