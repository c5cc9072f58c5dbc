"""API keys that are the same in every process, because tests are named after what they are given."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256


def known_key(name: str, scopes: Sequence[str]) -> tuple[str, str]:
    """Return the key of this name, as `service.keys` would make one, and the line to configure."""
    key = f"menagerie_{urlsafe_b64encode(sha256(name.encode()).digest()).decode().rstrip('=')}"
    return key, f"{name}:{','.join(dict.fromkeys(scopes))}:{sha256(key.encode()).hexdigest()}"
